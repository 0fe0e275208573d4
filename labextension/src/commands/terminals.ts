import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { Terminal } from '@jupyterlab/services';

const CREATE = 'terminal:create-new';

/** What is needed here of a terminal in the shell. */
interface ITerminalWidget {
  content: { session: Terminal.ITerminalConnection };
}

/** Open a terminal in which a command runs; what is sent before it is connected is queued. */
export async function openTerminal(app: JupyterFrontEnd, command: string): Promise<void> {
  const { content } = (await app.commands.execute(CREATE)) as ITerminalWidget;
  content.session.send({ type: 'stdin', content: [`${command}\r`] });
}
