import type { JupyterFrontEnd } from '@jupyterlab/application';

const OPEN = 'terminal:open';

/** Open a terminal in which a command runs. */
export async function openTerminal(app: JupyterFrontEnd, command: string): Promise<void> {
  const session = await app.serviceManager.terminals.startNew();
  session.send({ type: 'stdin', content: [`${command}\r`] });
  await app.commands.execute(OPEN, { name: session.name });
}
