import type { TranslationBundle } from '@jupyterlab/translation';
import { useEffect, useState } from 'react';
import { describeStop } from '../model/guard';
import type { IGuard } from '../rest/contract';

const TICK = 10_000;

/** `stops in 24 min`, counted down. */
export function StopsIn(props: { at: number; trans: TranslationBundle }): JSX.Element {
  const [, tick] = useState(0);
  useEffect(() => {
    const clock = window.setInterval(() => tick(count => count + 1), TICK);
    return () => window.clearInterval(clock);
  }, []);
  return <span className="dl-stops">{describeStop(props.trans, props.at, Date.now() / 1000)}</span>;
}

/** What the guard of an instance does: `Guard: stops in 24 min · idle for 6 min`. */
export function Guard(props: { guard: IGuard; trans: TranslationBundle }): JSX.Element {
  const { guard, trans } = props;
  if (!guard.armed) {
    return <div className="dl-facts">{trans.__('Guard: does not answer · %1', '%aws_safety')}</div>;
  }
  return (
    <div className="dl-facts">
      {trans.__('Guard:')}{' '}
      {guard.stops_at !== null && (
        <>
          <StopsIn at={guard.stops_at} trans={trans} />
          {' · '}
        </>
      )}
      {guard.reason}
    </div>
  );
}
