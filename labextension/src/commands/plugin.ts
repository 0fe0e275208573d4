import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { ILauncher } from '@jupyterlab/launcher';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { gpuIcon } from '../icons';
import { IModel } from '../tokens';
import { addGeneralCommands } from './general';
import { CommandIDs } from './ids';
import { addInstanceCommands } from './instances';
import { Notebooks } from './notebooks';
import { addRunCommands } from './runs';

/** The plugin that acts: what buttons, the palette and the launcher do. */
export const commands: JupyterFrontEndPlugin<void> = {
  id: 'dl-magics:commands',
  description: 'Adds the commands of dl_magics to the palette and the launcher.',
  autoStart: true,
  requires: [IModel],
  optional: [ICommandPalette, ILauncher, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    model: IModel,
    palette: ICommandPalette | null,
    launcher: ILauncher | null,
    translator: ITranslator | null
  ) => {
    const trans = (translator ?? nullTranslator).load('dl_magics');
    const context = { app, model, trans, notebooks: new Notebooks(app, trans) };
    addInstanceCommands(context);
    addRunCommands(context);
    addGeneralCommands(context);
    for (const command of Object.values(CommandIDs)) {
      palette?.addItem({ command, category: trans.__('dl_magics') });
    }
    app.commands.addCommand(CommandIDs.rentGpu, {
      label: trans.__('Rent a GPU'),
      caption: trans.__('Select an instance type with its price, then confirm'),
      icon: gpuIcon,
      describedBy: { args: { type: 'object', properties: {} } },
      execute: async () => {
        await app.commands.execute(CommandIDs.openPanel);
        await app.commands.execute(CommandIDs.launchInstance);
      }
    });
    launcher?.add({ command: CommandIDs.rentGpu, category: trans.__('Other'), rank: 0 });
  }
};
