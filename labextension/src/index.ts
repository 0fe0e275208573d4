import { commands } from './commands/plugin';
import { model } from './model/plugin';
import { notices } from './notices/plugin';
import { panel } from './panel/plugin';
import { questions } from './questions/plugin';
import { status } from './status/plugin';

// One plugin knows, the others show and act.
export default [model, commands, panel, status, notices, questions];
export { IModel } from './tokens';
