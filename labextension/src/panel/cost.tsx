import { useEffect, useState } from 'react';
import { totalCost } from '../model/bill';
import type { IInstance } from '../rest/contract';
import { formatDollars } from '../text/money';

interface ICostProps {
  instances: IInstance[];
  /** Seconds since AWS was read, at the time of a call. */
  age: () => number;
}

/** What instances have cost since their last start, counted on by the second. */
export function Cost({ instances, age }: ICostProps): JSX.Element {
  const [, tick] = useState(0);
  useEffect(() => {
    const clock = window.setInterval(() => tick(count => count + 1), 1000);
    return () => window.clearInterval(clock);
  }, []);
  return <span className="dl-cost">{formatDollars(totalCost(instances, age()))}</span>;
}
