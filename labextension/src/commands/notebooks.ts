import type { JupyterFrontEnd } from '@jupyterlab/application';
import { Clipboard, Notification } from '@jupyterlab/apputils';
import { PathExt } from '@jupyterlab/coreutils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { LOAD, loadingCells } from './cells';

const INSERT = 'notebook:insert-cell-below';
const REPLACE = 'notebook:replace-selection';
const RUN = 'notebook:run-cell';
const CREATE = 'notebook:create-new';
const OPEN = 'docmanager:open';

/** What is needed here of a notebook in the shell. */
interface INotebook {
  context: { ready: Promise<void>; model: { toString(): string } };
  sessionContext: { ready: Promise<void> };
}

/** What is needed here of the shell of JupyterLab and that of Notebook 7. */
interface IShell {
  mode?: string;
  currentWidget: { context?: { path: string } } | null;
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
      for (const cell of this._loads ? [code] : loadingCells(code)) {
        await this._insert(cell);
      }
      return;
    }
    Clipboard.copyToSystem(code);
    Notification.info(
      this._trans.__('No notebook is open: the magic was copied. %1', code),
      { autoClose: 5000 }
    );
  }

  /**
   * Insert a cell and run it, in the current notebook or in a new one. Notebook 7 opens a new one in
   * a page of its own, where the person runs the cell. It loads the magics in any case: the kernel
   * may not have run what the text of the notebook says.
   */
  async run(line: string, isNew = false): Promise<void> {
    const code = `${LOAD}\n${line}`;
    const isElsewhere = isNew || !this.isOpen;
    if (isElsewhere && this._shell.mode === undefined) {
      await this._createPage(code);
      return;
    }
    if (isElsewhere) {
      await this._create();
      await this._app.commands.execute(REPLACE, { text: code });
    } else {
      await this._insert(code);
    }
    // It resolves when the cell is done, which may be after hours.
    void this._app.commands.execute(RUN);
  }

  private async _insert(code: string): Promise<void> {
    const { commands } = this._app;
    await commands.execute(INSERT);
    await commands.execute(REPLACE, { text: code });
  }

  private get _shell(): IShell {
    return this._app.shell as unknown as IShell;
  }

  private async _findKernel(): Promise<string> {
    const { kernelspecs } = this._app.serviceManager;
    await kernelspecs.ready;
    return kernelspecs.specs?.default ?? 'python3';
  }

  /** Save a notebook with one cell beside the current one, and open it. */
  private async _createPage(source: string): Promise<void> {
    const { contents } = this._app.serviceManager;
    const name = await this._findKernel();
    const path = PathExt.dirname(this._shell.currentWidget?.context?.path ?? '');
    const made = await contents.newUntitled({ type: 'notebook', path });
    const cell = { cell_type: 'code', execution_count: null, metadata: {}, outputs: [], source };
    const metadata = { kernelspec: { name, display_name: name } };
    const content = { cells: [cell], metadata, nbformat: 4, nbformat_minor: 4 };
    await contents.save(made.path, { type: 'notebook', format: 'json', content });
    await this._app.commands.execute(OPEN, { path: made.path });
  }

  private async _create(): Promise<void> {
    const { commands } = this._app;
    const kernelName = await this._findKernel();
    const notebook = (await commands.execute(CREATE, { kernelName, activate: true })) as INotebook;
    await notebook.context.ready;
    await notebook.sessionContext.ready;
  }

  /** Whether the current notebook has a cell that loads the magics. */
  private get _loads(): boolean {
    const current = this._app.shell.currentWidget as unknown as Partial<INotebook> | null;
    return current?.context?.model.toString().includes(LOAD) ?? false;
  }
}
