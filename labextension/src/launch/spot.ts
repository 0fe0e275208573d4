import type { ILaunch, IPrice } from '../rest/contract';

/** What the fields of a launch contain, as it was typed. */
export interface ILaunchFields {
  type: string;
  name: string;
  disk: string;
  isSpot: boolean;
  maxPrice: string;
}

/** The launch that the fields ask for; an empty field leaves its default to the server. */
export function makeLaunch(fields: ILaunchFields): ILaunch {
  const { type, name, disk, isSpot, maxPrice } = fields;
  return {
    type,
    name,
    ...(disk ? { disk_gib: Number(disk) } : {}),
    ...(isSpot ? { spot: maxPrice ? { max_price: Number(maxPrice) } : {} } : {})
  };
}

/** How much less a spot instance costs now, in percent; null if it does not, or is unknown. */
export function savedPercent(price: IPrice | undefined): number | null {
  const spot = price?.spot_dollars_per_hour ?? null;
  const onDemand = price?.dollars_per_hour ?? null;
  if (spot === null || onDemand === null || spot >= onDemand) {
    return null;
  }
  return Math.round(100 * (1 - spot / onDemand));
}

/** Whether EC2 would launch nothing for a maximum price, as the spot price is higher now. */
export function isTooLow(maxPrice: string, price: IPrice | undefined): boolean {
  const spot = price?.spot_dollars_per_hour ?? null;
  return maxPrice !== '' && spot !== null && Number(maxPrice) < spot;
}
