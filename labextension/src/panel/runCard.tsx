import { CommandIDs } from '../commands/ids';
import type { IRun } from '../rest/contract';
import { formatDuration } from '../text/duration';
import { formatDollars } from '../text/money';
import { Action, Problem } from './parts';
import type { IPanelProps } from './props';

/** One run: its progress while it trains, its result when it has ended. */
export function RunCard(props: IPanelProps & { run: IRun }): JSX.Element {
  const { trans, run } = props;
  const live = run.status === 'running';
  const data = run.data.split(/[\\/]/).filter(Boolean).at(-1) ?? '';
  return (
    <li className="dl-card" aria-label={trans.__('%1, %2', run.name, run.status)}>
      <div className="dl-head">
        <span className={`dl-dot dl-is-${run.status || 'waiting'}`} aria-hidden="true" />
        <strong>{[run.model, data].filter(Boolean).join(' · ') || run.name}</strong>
        <span className="dl-word">{run.stopping && live ? trans.__('stopping') : run.status}</span>
        {run.host && <span className="dl-tag">{run.host}</span>}
      </div>
      <div className="dl-facts dl-run-name">{run.name}</div>
      {live && <Progress {...props} />}
      <div className="dl-facts">{result(props)}</div>
      {run.error && (
        <Problem problem={{ error: '', message: run.error, fix: run.fix }} trans={trans} />
      )}
      <Actions {...props} />
    </li>
  );
}

function Progress({ trans, run }: IPanelProps & { run: IRun }): JSX.Element {
  const parts = [
    run.unit && trans.__('%1: %2 of %3 %4', run.phase, count(run.done), count(run.total), run.unit),
    run.images_per_second && trans.__('%1 images/s', count(run.images_per_second)),
    run.seconds_left && trans.__('%1 left', formatDuration(run.seconds_left))
  ];
  return (
    <>
      <progress
        className="dl-bar"
        aria-label={trans.__('Progress of the phase')}
        max={run.total || 1}
        {...(run.total ? { value: run.done } : {})}
      />
      <div className="dl-facts">{parts.filter(Boolean).join(' · ')}</div>
    </>
  );
}

/** `1,119` or `23.4`, as the widget of a run shows it. */
function count(value: number): string {
  return value.toLocaleString('en', { maximumFractionDigits: 1 });
}

function result({ trans, run }: IPanelProps & { run: IRun }): string {
  const accuracy = run.best?.logs.val_accuracy;
  const parts = [
    typeof accuracy === 'number' &&
      trans.__('val_accuracy %1 (epoch %2)', accuracy.toFixed(4), run.best?.epoch),
    run.seconds > 0 && formatDuration(run.seconds),
    run.dollars !== null &&
      run.host &&
      (run.budget === null
        ? formatDollars(run.dollars)
        : trans.__('%1 of %2', formatDollars(run.dollars), formatDollars(run.budget)))
  ];
  return parts.filter(Boolean).join(' · ');
}

function Actions({ commands, trans, run }: IPanelProps & { run: IRun }): JSX.Element {
  const execute = (command: string) => () => void commands.execute(command, { run: run.name });
  const live = run.status === 'running';
  return (
    <div className="dl-actions" role="group" aria-label={trans.__('Actions on %1', run.name)}>
      {live && (
        <Action
          label={run.stopping ? trans.__('Stopping…') : trans.__('Stop')}
          about={run.stopping ? undefined : trans.__('Stop %1 at its next batch', run.name)}
          kind="stop"
          waits={run.stopping}
          onClick={execute(CommandIDs.stopRun)}
        />
      )}
      <Action
        label={trans.__('Attach in New Notebook')}
        about={trans.__('Attach in New Notebook: %1', run.name)}
        onClick={execute(CommandIDs.attachRun)}
      />
      {run.has_report && (
        <Action
          label={trans.__('Open Report')}
          about={trans.__('Open Report of %1', run.name)}
          onClick={execute(CommandIDs.openReport)}
        />
      )}
    </div>
  );
}
