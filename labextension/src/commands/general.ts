import { InputDialog } from '@jupyterlab/apputils';
import { confirmed } from '../rest/confirm';
import { PANEL_ID } from '../tokens';
import { askQuestion } from './ask';
import type { ICommandContext } from './context';
import { attempt, describeArguments } from './context';
import { CommandIDs } from './ids';

/** The panel, its place, the practice cloud, the magic of the last click. */
export function addGeneralCommands({ app, model, notebooks, trans }: ICommandContext): void {
  const { cloud, runs, recorded } = model;

  app.commands.addCommand(CommandIDs.openPanel, {
    label: trans.__('Open dl_magics Panel'),
    caption: trans.__('Instances, runs and Keras settings'),
    describedBy: describeArguments({}),
    execute: () => {
      app.shell.activateById(PANEL_ID);
    }
  });
  app.commands.addCommand(CommandIDs.refreshPanel, {
    label: trans.__('Read Instances and Runs Again'),
    describedBy: describeArguments({}),
    execute: async () => {
      await Promise.all([cloud.refresh(true), runs.refresh()]);
    }
  });
  app.commands.addCommand(CommandIDs.switchPractice, {
    label: trans.__('Switch Practice Cloud On or Off'),
    caption: trans.__('An EC2 API and SSH hosts on this computer: no account, no cost'),
    isToggled: () => cloud.listing?.place.practice ?? false,
    describedBy: {
      args: {
        type: 'object',
        properties: {
          on: {
            type: 'boolean',
            description: trans.__('Whether the panel shows the practice cloud; else it changes')
          }
        }
      }
    },
    execute: args =>
      attempt(trans.__('Practice Cloud'), async () => {
        const on = typeof args.on === 'boolean' ? args.on : !cloud.listing?.place.practice;
        const about = {
          title: trans.__('Leave the practice cloud?'),
          accept: trans.__('Leave'),
          deletes: true
        };
        const switched = await confirmed(
          answer => cloud.switchPractice(on, answer),
          refused => askQuestion(trans, about, refused.question ?? '')
        );
        if (switched) {
          recorded.record('instances', on ? '%practice on' : '%practice off');
        }
      })
  });
  app.commands.addCommand(CommandIDs.selectPlace, {
    label: trans.__('Select AWS Profile and Region of the Panel…'),
    caption: trans.__('The profile and region of notebooks do not change'),
    describedBy: describeArguments({
      profile: trans.__('The profile in ~/.aws/config'),
      region: trans.__('The region; without it, that of the profile')
    }),
    execute: args =>
      attempt(trans.__('Select Profile'), async () => {
        const profile =
          typeof args.profile === 'string'
            ? args.profile
            : await askFrom(trans.__('Profile'), cloud.choice?.profiles ?? []);
        if (profile) {
          const region = typeof args.region === 'string' ? args.region : null;
          await cloud.selectPlace({ profile, region });
        }
      })
  });
  app.commands.addCommand(CommandIDs.insertMagic, {
    label: trans.__('Insert Magic of the Last Click'),
    caption: trans.__('Puts the magic that does the same into the current notebook'),
    isEnabled: () => recorded.cell !== '',
    describedBy: describeArguments({
      code: trans.__('The magic; without it, that of the last click')
    }),
    execute: args =>
      notebooks.insert(typeof args.code === 'string' ? args.code : recorded.cell)
  });
}

async function askFrom(title: string, items: string[]): Promise<string | null> {
  const { button, value } = await InputDialog.getItem({ title, items });
  return button.accept ? value : null;
}
