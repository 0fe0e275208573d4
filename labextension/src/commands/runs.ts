import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import { askQuestion } from './ask';
import type { IRun } from '../rest/contract';
import { choose } from './choose';
import type { ICommandContext } from './context';
import { attempt, describeArguments } from './context';
import { CommandIDs } from './ids';

/** Stop a run, open its report, show it in a new notebook. */
export function addRunCommands({ app, model, notebooks, trans }: ICommandContext): void {
  const { runs, recorded } = model;
  const describedBy = describeArguments({
    run: trans.__('The name of the run; without it, the only one that fits')
  });
  const on = (
    title: string,
    each: IRun[],
    args: ReadonlyPartialJSONObject,
    act: (run: IRun) => Promise<unknown>
  ): Promise<void> =>
    attempt(title, async () => {
      const run = await choose(trans, title, each, args.run);
      if (run) {
        await act(run);
      }
    });

  app.commands.addCommand(CommandIDs.stopRun, {
    label: trans.__('Stop Run'),
    caption: trans.__('End it at the next batch and keep the best weights'),
    describedBy,
    execute: args =>
      on(trans.__('Stop Run'), runs.active, args, async run => {
        const about = { title: trans.__('Stop the run?'), accept: trans.__('Stop') };
        const question = trans.__(
          '%1 ends at its next batch and keeps its best weights.',
          run.name
        );
        if (await askQuestion(trans, about, question)) {
          await runs.stop(run.name);
          recorded.record('runs', run.cells.stop);
        }
      })
  });
  app.commands.addCommand(CommandIDs.openReport, {
    label: trans.__('Open Report of Run'),
    describedBy,
    execute: args =>
      on(
        trans.__('Open Report'),
        (runs.each ?? []).filter(each => each.has_report),
        args,
        run => Promise.resolve(window.open(runs.reportUrl(run.name), '_blank', 'noopener'))
      )
  });
  app.commands.addCommand(CommandIDs.attachRun, {
    label: trans.__('Attach Run in a New Notebook'),
    caption: trans.__('Runs %1 in a new notebook: live while the run trains', '%attach'),
    describedBy,
    execute: args =>
      on(trans.__('Attach Run'), runs.each ?? [], args, async run => {
        await notebooks.run(run.cells.attach, true);
        recorded.record('runs', run.cells.attach);
      })
  });
}
