import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { Terminal } from '@jupyterlab/services';
import type { TranslationBundle } from '@jupyterlab/translation';
import { Refusal } from '../rest/refusal';

const CREATE = 'terminal:create-new';

/** What is needed here of a terminal in the shell. */
interface ITerminalWidget {
  content: { session: Terminal.ITerminalConnection };
}

/** Open a terminal in which a command runs; what is sent before it is connected is queued. */
export async function openTerminal(
  app: JupyterFrontEnd,
  trans: TranslationBundle,
  command: string
): Promise<void> {
  if (!app.commands.hasCommand(CREATE)) {
    throw Refusal.of(
      'NoTerminals',
      trans.__('Terminals are switched off in this Jupyter server.'),
      trans.__('In a terminal of this computer: %1', command)
    );
  }
  const { content } = (await app.commands.execute(CREATE)) as ITerminalWidget;
  content.session.send({ type: 'stdin', content: [`${command}\r`] });
}
