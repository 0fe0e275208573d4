import { CommandIDs } from '../commands/ids';
import { findIdle, monthCost, perHour } from '../model/bill';
import { nextStop } from '../model/guard';
import { Cost } from '../panel/cost';
import { StopsIn } from '../panel/guard';
import type { IPanelProps } from '../panel/props';
import { formatDollars, formatPerHour } from '../text/money';

/** `● gpu running · $0.53/h · $1.12`; nothing when nothing is rented. */
export function Bill({ commands, model, trans }: IPanelProps): JSX.Element {
  const { cloud, runs } = model;
  const billed = cloud.billed;
  const first = billed[0];
  if (!first) {
    return <></>;
  }
  const what =
    billed.length === 1
      ? trans.__('%1 %2', first.name, first.state)
      : trans.__('%1 instances', billed.length);
  const next = nextStop(billed);
  const running = runs.active.filter(run => run.host && run.budget !== null);
  const budget = running
    .map(run =>
      trans.__('%1 of %2', formatDollars(run.dollars ?? 0), formatDollars(run.budget ?? 0))
    )
    .join(', ');
  const idle = findIdle(billed, runs.active);
  const month = trans.__('%1 this month.', formatDollars(monthCost(cloud.instances)));
  const names = idle.map(each => each.name).join(', ');
  const about = names
    ? trans.__('%1 No run trains on %2. Open the panel of dl_magics', month, names)
    : trans.__('%1 Open the panel of dl_magics', month);
  return (
    <button
      type="button"
      className={`dl-bill ${names ? 'dl-warn' : ''}`}
      title={about}
      onClick={() => void commands.execute(CommandIDs.openPanel)}
    >
      <span className={`dl-dot dl-is-${first.state}`} aria-hidden="true" />
      <span>{`${what} · ${formatPerHour(perHour(billed))} ·`}</span>
      <Cost instances={billed} age={() => cloud.age} />
      {next?.guard?.stops_at && (
        <span>
          {'· '}
          <StopsIn at={next.guard.stops_at} trans={trans} />
        </span>
      )}
      {budget && <span>{`· ${budget}`}</span>}
    </button>
  );
}
