import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';
import type { Client } from '../rest/client';
import type { IQuestion } from '../rest/contract';

/** The questions of cells whose front end accepts no input: they wait for an answer. */
export class Questions implements IDisposable {
  constructor(private readonly _client: Client) {}

  readonly isDisposed = false;

  /** Emitted after each change. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get open(): IQuestion[] {
    return this._open;
  }

  async refresh(): Promise<void> {
    try {
      this._open = (await this._client.listQuestions()).questions;
      this._changed.emit();
    } catch {
      // The instances are read from the same server, and say why it does not answer.
    }
  }

  answer(question: IQuestion, yes: boolean): Promise<void> {
    return this._client.answerQuestion(question, yes);
  }

  dispose(): void {
    Signal.clearData(this);
  }

  private readonly _changed = new Signal<this, void>(this);
  private _open: IQuestion[] = [];
}
