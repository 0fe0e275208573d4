import { useState } from 'react';
import { CommandIDs } from '../commands/ids';
import type { IRun } from '../rest/contract';
import { Action, Empty, LastClick, Problem } from './parts';
import type { IPanelProps } from './props';
import { RunCard } from './runCard';

const FIRST = 10;
const EXAMPLE = '%%finetune data/dogscats\nepochs = 5';

/** The runs: those that train first, then the newest. */
export function Runs(props: IPanelProps): JSX.Element {
  const { commands, model, trans } = props;
  const { each, problem } = model.runs;
  const [all, setAll] = useState(false);
  if (!each) {
    return problem ? (
      <Problem problem={problem} trans={trans} />
    ) : (
      <p className="dl-wait">{trans.__('Reading the runs…')}</p>
    );
  }
  if (!each.length) {
    return (
      <Empty
        title={trans.__('No runs yet')}
        text={trans.__(
          'A run is one fine-tuning of a network on a folder of images. It appears here when a ' +
            'cell with %1 trains, live, also after a reload or in another browser.',
          '%%finetune'
        )}
      >
        <Action
          label={trans.__('Insert an Example')}
          onClick={() => void commands.execute(CommandIDs.insertMagic, { code: EXAMPLE })}
        />
      </Empty>
    );
  }
  return (
    <>
      {problem && <Problem problem={problem} trans={trans} />}
      <ul className="dl-cards" aria-label={trans.__('Runs')}>
        {order(each)
          .slice(0, all ? each.length : FIRST)
          .map(run => (
            <RunCard key={run.name} {...props} run={run} />
          ))}
      </ul>
      {!all && each.length > FIRST && (
        <div className="dl-actions dl-below">
          <Action
            label={trans.__('Show all %1 runs', each.length)}
            onClick={() => setAll(true)}
          />
        </div>
      )}
      <LastClick {...props} section="runs" />
    </>
  );
}

function order(runs: IRun[]): IRun[] {
  const live = (run: IRun): boolean => run.status === 'running';
  return [...runs.filter(live), ...runs.filter(run => !live(run))];
}
