import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IStatusBar } from '@jupyterlab/statusbar';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { lazy } from 'react';
import { Section } from '../panel/section';
import { IModel } from '../tokens';

const Bill = lazy(async () => ({ default: (await import('./bill')).Bill }));

/** The plugin that keeps the cost in sight: what runs and what it costs, in the status bar. */
export const status: JupyterFrontEndPlugin<void> = {
  id: 'dl-magics:status',
  description: 'Shows what is rented and what it costs in the status bar.',
  autoStart: true,
  requires: [IModel],
  optional: [IStatusBar, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    model: IModel,
    statusBar: IStatusBar | null,
    translator: ITranslator | null
  ) => {
    if (!statusBar) {
      return;
    }
    const trans = (translator ?? nullTranslator).load('dl_magics');
    const props = { commands: app.commands, model, trans };
    const { cloud, runs } = model;
    const item = new Section(
      'dl-magics-status',
      trans.__('Rented instances'),
      [cloud.changed, runs.changed],
      () => <Bill {...props} />
    );
    const registered = statusBar.registerStatusItem('dl-magics:status', {
      item,
      align: 'left',
      rank: 10,
      isActive: () => cloud.billed.length > 0,
      activeStateChanged: cloud.changed
    });
    item.disposed.connect(() => registered.dispose(), registered);
  }
};
