/** Amounts in US dollars, in the same formats as the magics print them. */

const LEAST_BILLED_SECONDS = 60;

/** `$0.62`; four decimals below ten cents. */
export function formatDollars(dollars: number): string {
  const digits = dollars === 0 || dollars >= 0.1 ? 2 : 4;
  return `$${group(dollars.toFixed(digits))}`;
}

/** `$0.90/h` or `$0.526/h`: two to four decimals. */
export function formatPerHour(dollars: number): string {
  const [whole = '0', cents = '00'] = dollars.toFixed(4).split('.');
  return `$${group(whole)}.${cents.slice(0, 2)}${cents.slice(2).replace(/0+$/, '')}/h`;
}

/** `$0.526/h (2026-11-26)`: an amount with the day of its price, if that is known. */
export function addDay(amount: string, day: string): string {
  return day ? `${amount} (${day})` : amount;
}

/** What EC2 bills for a time: by the second, but at least a minute. */
export function costOf(dollarsPerHour: number, seconds: number): number {
  return (dollarsPerHour * Math.max(seconds, LEAST_BILLED_SECONDS)) / 3600;
}

function group(digits: string): string {
  return digits.replace(/\B(?=(\d{3})+(?!\d))(?<!\.\d*)/g, ',');
}
