import type { JupyterFrontEnd } from '@jupyterlab/application';
import { showErrorMessage } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { toProblem } from '../rest/refusal';
import type { IModel } from '../tokens';
import type { Notebooks } from './notebooks';

/** What the commands work with. */
export interface ICommandContext {
  app: JupyterFrontEnd;
  model: IModel;
  notebooks: Notebooks;
  trans: TranslationBundle;
}

/** Do what a command asks for; show in two lines why it failed. */
export async function attempt(title: string, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (reason) {
    const { message, fix } = toProblem(reason);
    await showErrorMessage(title, fix ? `${message}\n${fix}` : message);
  }
}

/** The schema of the arguments of a command. */
export function describeArguments(properties: Record<string, string>): {
  args: { type: 'object'; properties: Record<string, { type: 'string'; description: string }> };
} {
  const described = Object.entries(properties).map(
    ([name, description]) => [name, { type: 'string' as const, description }] as const
  );
  return { args: { type: 'object', properties: Object.fromEntries(described) } };
}
