import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';
import type { Client } from '../rest/client';
import type { IError, IRun } from '../rest/contract';
import { toProblem } from '../rest/refusal';

/** The runs of this computer, newest first. */
export class Runs implements IDisposable {
  constructor(private readonly _client: Client) {}

  readonly isDisposed = false;

  /** Emitted after each change. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** The runs, or null before they were read. */
  get each(): IRun[] | null {
    return this._each;
  }

  /** Why the runs could not be read. */
  get problem(): IError | null {
    return this._problem;
  }

  /** The runs that train now. */
  get active(): IRun[] {
    return (this._each ?? []).filter(each => each.status === 'running');
  }

  find(name: string): IRun | undefined {
    return this._each?.find(each => each.name === name);
  }

  async refresh(): Promise<void> {
    try {
      this._each = (await this._client.listRuns()).runs;
      this._problem = null;
    } catch (reason) {
      this._problem = toProblem(reason);
    }
    this._changed.emit();
  }

  /** Show a run that was pushed; one that is older than what is shown is ignored. */
  receive(run: IRun): void {
    const known = this.find(run.name);
    if (known && known.n > run.n) {
      return;
    }
    this._each = known
      ? (this._each ?? []).map(each => (each === known ? run : each))
      : [run, ...(this._each ?? [])];
    this._changed.emit();
  }

  async stop(name: string): Promise<void> {
    this.receive(await this._client.stopRun(name));
  }

  reportUrl(name: string): string {
    return this._client.reportUrl(name);
  }

  dispose(): void {
    Signal.clearData(this);
  }

  private readonly _changed = new Signal<this, void>(this);
  private _each: IRun[] | null = null;
  private _problem: IError | null = null;
}
