import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

export type Section = 'instances' | 'runs' | 'keras';

/** The magic that does what was clicked last, so that a notebook can record it. */
export class Recorded implements IDisposable {
  readonly isDisposed = false;

  /** Emitted after each click. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** The cell, or "" if nothing was clicked yet. */
  get cell(): string {
    return this._cell;
  }

  /** The section in which it was clicked. */
  get section(): Section {
    return this._section;
  }

  record(section: Section, cell: string): void {
    this._section = section;
    this._cell = cell;
    this._changed.emit();
  }

  dispose(): void {
    Signal.clearData(this);
  }

  private readonly _changed = new Signal<this, void>(this);
  private _cell = '';
  private _section: Section = 'instances';
}
