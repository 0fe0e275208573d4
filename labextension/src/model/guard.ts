import type { TranslationBundle } from '@jupyterlab/translation';
import type { IGuard, IInstance } from '../rest/contract';

const SHORTEST = 60;

/** Whether "Keep for an Hour" changes when an instance is stopped: an end that was set stays. */
export function canBeKept(guard: IGuard | null): boolean {
  return guard !== null && guard.armed && guard.state !== 'ending';
}

/** The guard that stops its instance next, if any is counting down. */
export function nextStop(instances: IInstance[]): IInstance | null {
  const counting = instances.filter(each => each.guard?.stops_at);
  counting.sort((one, other) => Number(one.guard?.stops_at) - Number(other.guard?.stops_at));
  return counting[0] ?? null;
}

/** `stops in 24 min`, by the clock of this computer, whose server has asked the guard. */
export function describeStop(trans: TranslationBundle, stopsAt: number, now: number): string {
  const left = Math.max(0, stopsAt - now);
  if (left < SHORTEST) {
    return trans.__('stops in less than a minute');
  }
  const minutes = Math.round(left / 60);
  const hours = Math.floor(minutes / 60);
  return hours
    ? trans.__('stops in %1', `${hours} h ${minutes % 60} min`)
    : trans.__('stops in %1', `${minutes} min`);
}
