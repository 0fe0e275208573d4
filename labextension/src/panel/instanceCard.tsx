import { CommandIDs } from '../commands/ids';
import { canBeKept } from '../model/guard';
import type { IAction, IInstance } from '../rest/contract';
import { addDay, formatDollars, formatPerHour } from '../text/money';
import { Cost } from './cost';
import { Guard } from './guard';
import { Action, Problem } from './parts';
import type { IPanelProps } from './props';

/** One instance: its state, what it costs, and what can be done with it now. */
export function InstanceCard(props: IPanelProps & { instance: IInstance }): JSX.Element {
  const { model, trans, instance } = props;
  const { cloud } = model;
  const action = cloud.actionOn(instance.id);
  const problem = cloud.problemOf(instance.id);
  const address = instance.state === 'running' ? instance.ip : null;
  const spot = instance.spot ? trans.__('spot') : '';
  const what = [instance.type, spot, instance.gpu, instance.zone, address]
    .filter(Boolean)
    .join(' · ');
  const perHour =
    instance.dollars_per_hour === null
      ? trans.__('price unknown')
      : addDay(formatPerHour(instance.dollars_per_hour), instance.price_day);
  const disk =
    instance.dollars_per_month === null
      ? trans.__('disk price unknown')
      : addDay(
          trans.__('disk %1/month', formatDollars(instance.dollars_per_month)),
          instance.disk_day
        );
  return (
    <li
      className={`dl-card ${instance.gone ? 'dl-gone' : ''}`}
      aria-label={trans.__('%1, %2', instance.name, instance.state)}
      data-id={instance.id}
    >
      <div className="dl-head">
        <span className={`dl-dot dl-is-${instance.state}`} aria-hidden="true" />
        <strong>{instance.name}</strong>
        <span className="dl-word">{instance.state}</span>
        {instance.practice && <span className="dl-tag">{trans.__('practice')}</span>}
      </div>
      <div className="dl-facts">
        {what}
      </div>
      {!instance.gone && (
        <div className="dl-facts">
          {perHour}
          {instance.costs_money && (
            <>
              {' · '}
              <Cost instances={[instance]} age={() => cloud.age} />
              {` ${trans.__('since start')}`}
            </>
          )}
          {` · ${disk}`}
          {instance.month_dollars !== null &&
            ` · ${trans.__('%1 this month', formatDollars(instance.month_dollars))}`}
        </div>
      )}
      {instance.guard && <Guard guard={instance.guard} trans={trans} />}
      <div className="dl-doing" role="status">
        {action && describe(props, action)}
      </div>
      {instance.unfinished && !action && (
        <Problem
          problem={{ error: '', message: instance.unfinished.message, fix: '' }}
          trans={trans}
          action={
            <Action
              label={trans.__('Finish Resize')}
              about={trans.__('Finish Resize of %1', instance.name)}
              kind="accept"
              onClick={() =>
                void props.commands.execute(CommandIDs.resizeInstance, {
                  instance: instance.id,
                  type: instance.unfinished?.type ?? '',
                  fromPanel: true
                })
              }
            />
          }
        />
      )}
      {problem && (
        <Problem problem={problem} trans={trans} onDismiss={() => cloud.dismiss(instance.id)} />
      )}
      {!instance.gone && <Actions {...props} waits={action !== null} />}
    </li>
  );
}

function Actions(props: IPanelProps & { instance: IInstance; waits: boolean }): JSX.Element {
  const { commands, trans, instance, waits } = props;
  const runs = instance.state === 'running';
  const stops = runs || instance.state === 'pending';
  const changeable = runs || instance.state === 'stopped';
  const execute = (command: string) => () =>
    void commands.execute(command, { instance: instance.id, fromPanel: true });
  // One button starts and stops, so that the focus stays where it is when the state changes.
  return (
    <div className="dl-actions" role="group" aria-label={trans.__('Actions on %1', instance.name)}>
      <Action
        label={stops ? trans.__('Stop') : trans.__('Start')}
        about={
          stops ? trans.__('Stop %1', instance.name) : trans.__('Start %1', instance.name)
        }
        kind={stops ? 'stop' : 'accept'}
        waits={waits || !(stops || instance.state === 'stopped')}
        onClick={execute(stops ? CommandIDs.stopInstance : CommandIDs.startInstance)}
      />
      {runs && (
        <>
          <Action
            label={trans.__('Connect')}
            about={trans.__('Connect to %1 in the current notebook, or in a new one', instance.name)}
            onClick={execute(CommandIDs.connectNotebook)}
          />
          <Action
            label={trans.__('Terminal')}
            about={trans.__('Terminal on %1', instance.name)}
            onClick={execute(CommandIDs.openTerminal)}
          />
        </>
      )}
      {runs && canBeKept(instance.guard) && (
        <Action
          label={trans.__('Keep for an Hour')}
          about={trans.__('Keep %1 for an hour, though it is idle', instance.name)}
          waits={waits}
          onClick={execute(CommandIDs.keepInstance)}
        />
      )}
      {changeable && (
        <>
          <Action
            label={trans.__('Resize…')}
            about={trans.__('Resize… %1: change its type', instance.name)}
            waits={waits}
            onClick={execute(CommandIDs.resizeInstance)}
          />
          <Action
            label={trans.__('Terminate…')}
            about={trans.__('Terminate… %1 and delete its disk', instance.name)}
            waits={waits}
            onClick={execute(CommandIDs.terminateInstance)}
          />
        </>
      )}
    </div>
  );
}

function describe({ trans }: IPanelProps, action: IAction): string {
  const words = {
    launch: trans.__('Launching…'),
    start: trans.__('Starting…'),
    stop: trans.__('Stopping…'),
    resize: trans.__('Resizing…'),
    terminate: trans.__('Terminating…')
  };
  return [words[action.verb], action.message].filter(Boolean).join(' ');
}
