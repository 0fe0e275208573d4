import { Token } from '@lumino/coreutils';
import type { ISignal } from '@lumino/signaling';
import type { Cloud } from './model/cloud';
import type { Keras } from './model/keras';
import type { Questions } from './model/questions';
import type { Recorded } from './model/recorded';
import type { Runs } from './model/runs';
import type { INotice } from './rest/contract';

/** What is known of AWS, the runs and Keras' settings. Only its plugin speaks with the server. */
export interface IModel {
  readonly cloud: Cloud;
  readonly runs: Runs;
  readonly keras: Keras;
  readonly questions: Questions;
  readonly recorded: Recorded;
  readonly notices: ISignal<object, INotice>;
}

export const IModel = new Token<IModel>(
  'dl-magics:IModel',
  'The instances, runs and settings of dl_magics, as its server extension tells them.'
);

/** The id of the panel in the shell. */
export const PANEL_ID = 'dl-magics-panel';
