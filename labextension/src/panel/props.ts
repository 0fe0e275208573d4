import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import type { IModel } from '../tokens';

/** What each part of the panel shows and acts with. */
export interface IPanelProps {
  commands: CommandRegistry;
  model: IModel;
  trans: TranslationBundle;
}
