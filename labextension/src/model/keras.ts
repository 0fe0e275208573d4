import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';
import type { Client } from '../rest/client';
import { confirmed } from '../rest/confirm';
import type { IError, IKerasSettings } from '../rest/contract';
import { toProblem } from '../rest/refusal';

/** Keras' settings on this computer. They are read when they are shown, not before. */
export class Keras implements IDisposable {
  constructor(private readonly _client: Client) {}

  readonly isDisposed = false;

  /** Emitted after each change. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get settings(): IKerasSettings | null {
    return this._settings;
  }

  /** Why the last request failed. */
  get problem(): IError | null {
    return this._problem;
  }

  /** Whether a request is under way. */
  get busy(): boolean {
    return this._busy;
  }

  refresh(): Promise<void> {
    return this._show(() => this._client.readKerasSettings());
  }

  write(name: string, value: string): Promise<void> {
    const change = { [name]: name === 'epsilon' ? Number(value) : value };
    return this._show(() => this._client.writeKerasSettings(change));
  }

  /**
   * Undo what `settings` says; ask where the last change is another one by now. Return whether it
   * was undone.
   */
  async undo(ask: (question: string) => Promise<boolean>): Promise<boolean> {
    let undone: IKerasSettings | null = null;
    await this._show(async () => {
      undone = await confirmed(
        answer => this._client.undoKerasSettings(answer),
        refused => ask(refused.question ?? ''),
        this._settings?.undo
      );
      return undone ?? this._client.readKerasSettings();
    });
    return undone !== null;
  }

  dispose(): void {
    Signal.clearData(this);
  }

  private async _show(request: () => Promise<IKerasSettings>): Promise<void> {
    this._busy = true;
    this._changed.emit();
    try {
      this._settings = await request();
      this._problem = null;
    } catch (reason) {
      this._problem = toProblem(reason);
    } finally {
      this._busy = false;
      this._changed.emit();
    }
  }

  private readonly _changed = new Signal<this, void>(this);
  private _settings: IKerasSettings | null = null;
  private _problem: IError | null = null;
  private _busy = false;
}
