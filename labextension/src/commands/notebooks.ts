import type { JupyterFrontEnd } from '@jupyterlab/application';
import { Clipboard, Notification } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';

const INSERT = 'notebook:insert-cell-below';
const REPLACE = 'notebook:replace-selection';
const RUN = 'notebook:run-cell';
const CREATE = 'notebook:create-new';
const LOAD = '%load_ext dl_magics';

/** What is needed here of a notebook in the shell. */
interface INotebook {
  context: { ready: Promise<void>; model: { toString(): string } };
  sessionContext: { ready: Promise<void> };
}

/** Puts cells into the notebook that is open, or into a new one. */
export class Notebooks {
  constructor(
    private readonly _app: JupyterFrontEnd,
    private readonly _trans: TranslationBundle
  ) {}

  /** Whether a notebook is the current document. */
  get isOpen(): boolean {
    const { commands } = this._app;
    return commands.hasCommand(INSERT) && commands.isEnabled(INSERT);
  }

  /** Insert a cell below the current one; without a notebook, copy it. */
  async insert(code: string): Promise<void> {
    if (this.isOpen) {
      await this._insert(this._withLoad(code));
      return;
    }
    Clipboard.copyToSystem(code);
    Notification.info(
      this._trans.__('No notebook is open: the magic was copied. %1', code),
      { autoClose: 5000 }
    );
  }

  /** Insert a cell and run it, in the current notebook or in a new one. */
  async run(code: string, isNew = false): Promise<void> {
    if (isNew || !this.isOpen) {
      await this._create();
      await this._app.commands.execute(REPLACE, { text: this._withLoad(code) });
    } else {
      await this._insert(this._withLoad(code));
    }
    // It resolves when the cell is done, which may be after hours.
    void this._app.commands.execute(RUN);
  }

  private async _insert(code: string): Promise<void> {
    const { commands } = this._app;
    await commands.execute(INSERT);
    await commands.execute(REPLACE, { text: code });
  }

  private async _create(): Promise<void> {
    const { commands, serviceManager } = this._app;
    await serviceManager.kernelspecs.ready;
    const kernelName = serviceManager.kernelspecs.specs?.default ?? 'python3';
    const notebook = (await commands.execute(CREATE, { kernelName, activate: true })) as INotebook;
    await notebook.context.ready;
    await notebook.sessionContext.ready;
  }

  /** A notebook that does not load dl_magics yet knows no magic of ours. */
  private _withLoad(code: string): string {
    const current = this._app.shell.currentWidget as unknown as Partial<INotebook> | null;
    const text = current?.context?.model.toString() ?? '';
    return text.includes(LOAD) ? code : `${LOAD}\n${code}`;
  }
}
