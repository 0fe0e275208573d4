import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import { confirmed } from '../rest/confirm';
import type { IInstance, Verb } from '../rest/contract';
import { askLaunch, askType } from '../launch/dialogs';
import { askQuestion } from './ask';
import { placedCell } from './cells';
import { choose } from './choose';
import type { ICommandContext } from './context';
import { attempt, describeArguments } from './context';
import { CommandIDs } from './ids';
import { openTerminal } from './terminals';

const CHANGEABLE = ['stopped', 'running'];

/** Start, stop, resize, terminate, launch an instance; connect a notebook; open a terminal. */
export function addInstanceCommands(context: ICommandContext): void {
  const { app, model, notebooks, trans } = context;
  const { cloud, recorded } = model;
  const describedBy = describeArguments({
    instance: trans.__('The id or the name of the instance; without it, the only one that fits')
  });
  const record = (cell: string): void =>
    recorded.record('instances', placedCell(cell, cloud.listing?.place));
  const having = (states: string[]): IInstance[] =>
    cloud.instances.filter(each => states.includes(each.state));

  /** Ask for what the server asks, then change the instance. */
  const change = async (
    instance: IInstance,
    verb: Exclude<Verb, 'launch'>,
    about: { title: string; accept: string; deletes?: boolean },
    body: object = {}
  ): Promise<void> => {
    const action = await confirmed(
      answer => cloud.change(instance.id, verb, body, answer),
      refused => askQuestion(trans, about, refused.question ?? '')
    );
    if (action) {
      record(action.cell);
    }
  };

  /** Find the instance that is meant and act on it; its card shows why it failed. */
  const on = async (
    title: string,
    each: IInstance[],
    args: ReadonlyPartialJSONObject,
    act: (instance: IInstance) => Promise<unknown>
  ): Promise<void> =>
    attempt(title, async () => {
      const instance = await choose(trans, title, each, args.instance);
      if (instance) {
        await act(instance).catch((reason: unknown) => {
          if (!cloud.problemOf(instance.id) || !args.fromPanel) {
            throw reason;
          }
        });
      }
    });

  app.commands.addCommand(CommandIDs.startInstance, {
    label: trans.__('Start Instance'),
    describedBy,
    execute: args =>
      on(trans.__('Start Instance'), having(['stopped']), args, instance =>
        change(instance, 'start', {
          title: trans.__('Start %1?', instance.name),
          accept: trans.__('Start')
        })
      )
  });
  app.commands.addCommand(CommandIDs.stopInstance, {
    label: trans.__('Stop Instance'),
    describedBy,
    execute: args =>
      on(trans.__('Stop Instance'), having(['pending', 'running']), args, instance =>
        change(instance, 'stop', {
          title: trans.__('Stop %1?', instance.name),
          accept: trans.__('Stop'),
          deletes: true
        })
      )
  });
  app.commands.addCommand(CommandIDs.keepInstance, {
    label: trans.__('Keep Instance for an Hour'),
    caption: trans.__('Its guard does not stop it for being idle; an end that was set stays'),
    describedBy,
    execute: args =>
      on(trans.__('Keep Instance'), having(['running']), args, async instance => {
        await cloud.keep(instance.id);
        record(instance.cells.keep);
      })
  });
  app.commands.addCommand(CommandIDs.terminateInstance, {
    label: trans.__('Terminate Instance'),
    describedBy,
    execute: args =>
      on(
        trans.__('Terminate Instance'),
        cloud.instances.filter(each => !each.gone),
        args,
        instance =>
          change(instance, 'terminate', {
            title: trans.__('Terminate %1?', instance.name),
            accept: trans.__('Terminate'),
            deletes: true
          })
      )
  });
  app.commands.addCommand(CommandIDs.resizeInstance, {
    label: trans.__('Resize Instance'),
    describedBy: describeArguments({
      instance: trans.__('The id or the name of the instance; without it, the only one that fits'),
      type: trans.__('The new instance type, g4dn.xlarge')
    }),
    execute: args =>
      on(trans.__('Resize Instance'), having(CHANGEABLE), args, async instance => {
        const about = {
          title: trans.__('Resize %1?', instance.name),
          accept: trans.__('Resize')
        };
        const type =
          typeof args.type === 'string' ? args.type : await askType(trans, cloud, instance);
        if (type) {
          await change(instance, 'resize', about, { type });
        }
      })
  });
  app.commands.addCommand(CommandIDs.launchInstance, {
    label: trans.__('Launch Instance…'),
    caption: trans.__('Rent a GPU: select a type with its price, then confirm'),
    describedBy: describeArguments({
      type: trans.__('The instance type, g4dn.xlarge; without it, a table of prices is shown'),
      name: trans.__('The name of the instance')
    }),
    execute: args =>
      attempt(trans.__('Launch Instance'), async () => {
        const launch = await askLaunch(trans, cloud, args);
        if (!launch) {
          return;
        }
        const about = {
          title: trans.__('Launch %1?', launch.name),
          accept: trans.__('Launch')
        };
        let cell = '';
        const instance = await confirmed(
          answer => cloud.launch(launch, answer),
          refused => {
            cell = refused.cell ?? '';
            return askQuestion(trans, about, refused.question ?? '');
          }
        );
        if (instance && cell) {
          record(cell);
        }
      })
  });
  app.commands.addCommand(CommandIDs.openTerminal, {
    label: trans.__('Open Terminal on Instance'),
    describedBy,
    execute: args =>
      on(trans.__('Open Terminal'), having(['running']), args, async instance => {
        await openTerminal(app, trans, await cloud.readSshCommand(instance.id));
        record(instance.cells.ssh);
      })
  });
  app.commands.addCommand(CommandIDs.connectNotebook, {
    label: trans.__('Connect Notebook to Instance'),
    caption: trans.__('Runs %1 in the current notebook, or in a new one', '%gpu_connect'),
    describedBy,
    execute: args =>
      on(trans.__('Connect Notebook'), having(['running']), args, instance =>
        notebooks.run(placedCell(instance.cells.connect, cloud.listing?.place))
      )
  });
}
