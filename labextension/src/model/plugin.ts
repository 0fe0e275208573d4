import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { Client } from '../rest/client';
import { IModel } from '../tokens';
import { Cloud } from './cloud';
import { Feed } from './feed';
import { Keras } from './keras';
import { Questions } from './questions';
import { Recorded } from './recorded';
import { Runs } from './runs';

/** The plugin that knows: it reads the server extension and listens to its events. */
export const model: JupyterFrontEndPlugin<IModel> = {
  id: 'dl-magics:model',
  description: 'Provides the instances, runs and settings of dl_magics.',
  autoStart: true,
  optional: [ITranslator],
  provides: IModel,
  activate: (app: JupyterFrontEnd, translator: ITranslator | null): IModel => {
    const trans = (translator ?? nullTranslator).load('dl_magics');
    const client = new Client(app.serviceManager.serverSettings, trans);
    const cloud = new Cloud(client);
    const runs = new Runs(client);
    const questions = new Questions(client);
    const feed = new Feed(app.serviceManager.events, cloud, runs, questions);
    return {
      cloud,
      runs,
      keras: new Keras(client),
      questions,
      recorded: new Recorded(),
      notices: feed.notices
    };
  }
};
