import type { IPrice } from '../rest/contract';

// The cheapest type with a whole GPU on which each backend of Keras runs.
const USUAL = 'g4dn.xlarge';
const TYPE = /^[a-z][a-z0-9-]*\.[a-z0-9-]+$/;

/** The types by price, those without one last. */
export function sortByPrice(types: IPrice[]): IPrice[] {
  const price = (each: IPrice): number => each.dollars_per_hour ?? Infinity;
  return [...types].sort((one, other) => price(one) - price(other));
}

/** The types whose name or GPU contains a text. */
export function filterTypes(types: IPrice[], text: string): IPrice[] {
  const wanted = text.trim().toLowerCase();
  return types.filter(each => `${each.type} ${each.gpu}`.toLowerCase().includes(wanted));
}

/** Whether the quota that is left is enough for one more instance of the type. */
export function fitsQuota(price: IPrice): boolean {
  return price.vcpus_left === null || price.vcpus_left >= price.vcpus;
}

/** The type that is selected at first: the usual one, else the cheapest that the quota allows. */
export function firstChoice(types: IPrice[]): string {
  const fitting = sortByPrice(types).filter(fitsQuota);
  return (fitting.find(each => each.type === USUAL) ?? fitting[0] ?? types[0])?.type ?? '';
}

/** A type that the table does not have, if the text is a whole one: `t2.micro`. */
export function otherType(types: IPrice[], text: string): string {
  const type = text.trim();
  return TYPE.test(type) && !types.some(each => each.type === type) ? type : '';
}

/** A name that no instance has: `gpu`, `gpu-2`, … */
export function freeName(taken: string[]): string {
  for (let count = 1; ; count++) {
    const name = count === 1 ? 'gpu' : `gpu-${count}`;
    if (!taken.includes(name)) {
      return name;
    }
  }
}
