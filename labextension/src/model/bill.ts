import type { IInstance, IRun } from '../rest/contract';
import { costOf } from '../text/money';

/**
 * The dollars that all that is billed now has cost since its last start; an unknown price adds
 * nothing.
 *
 * @param age seconds since AWS was read
 */
export function totalCost(instances: IInstance[], age: number): number {
  return instances
    .filter(each => each.costs_money)
    .reduce((sum, each) => sum + costOf(each.dollars_per_hour ?? 0, each.seconds + age), 0);
}

/** The dollars of all instances this month until AWS was read; an unknown price adds nothing. */
export function monthCost(instances: IInstance[]): number {
  return instances.reduce((sum, each) => sum + (each.month_dollars ?? 0), 0);
}

/** The dollars an hour of all that is billed; an unknown price adds nothing. */
export function perHour(billed: IInstance[]): number {
  return billed.reduce((sum, each) => sum + (each.dollars_per_hour ?? 0), 0);
}

/** The instances that run while no run trains on them. */
export function findIdle(billed: IInstance[], active: IRun[]): IInstance[] {
  return billed.filter(
    each => each.state === 'running' && !active.some(run => run.host_ids.includes(each.id))
  );
}
