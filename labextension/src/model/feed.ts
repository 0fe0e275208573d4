import type { Event, ServiceManager } from '@jupyterlab/services';
import type { IDisposable } from '@lumino/disposable';
import { Poll } from '@lumino/polling';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';
import type { IListing, INotice, IRun } from '../rest/contract';
import type { Cloud } from './cloud';
import type { Questions } from './questions';
import type { Runs } from './runs';

const INSTANCES = 'urn:dl-magics:instances:1';
const RUN = 'urn:dl-magics:run:1';
const QUESTIONS = 'urn:dl-magics:questions:1';
const NOTICE = 'urn:dl-magics:notice:1';
// The server reads AWS and the logs as long as somebody asks within 90 seconds.
const INTERVAL = 45_000;
const LONGEST_INTERVAL = 300_000;

/** Keeps the model true: by the events that the server pushes, and by asking now and then. */
export class Feed implements IDisposable {
  constructor(
    events: ServiceManager.IManager['events'],
    private readonly _cloud: Cloud,
    private readonly _runs: Runs,
    private readonly _questions: Questions
  ) {
    events.stream.connect(this._receive, this);
    this._poll = new Poll({
      name: 'dl-magics:model',
      factory: () => this._ask(),
      frequency: { interval: INTERVAL, max: LONGEST_INTERVAL, backoff: true },
      // Where money runs, a hidden page stays awake, so that it is true when it is seen again.
      standby: () => (this._cloud.billed.length ? 'never' : 'when-hidden')
    });
  }

  /** What a person wants to know at once. */
  get notices(): ISignal<this, INotice> {
    return this._notices;
  }

  get isDisposed(): boolean {
    return this._poll.isDisposed;
  }

  dispose(): void {
    this._poll.dispose();
    Signal.clearData(this);
  }

  private async _ask(): Promise<void> {
    await Promise.all([
      this._cloud.refresh(),
      this._runs.refresh(),
      this._questions.refresh()
    ]);
  }

  private _receive(_: Event.IManager, emission: Event.Emission): void {
    // The server has validated it against the schema of this id.
    const data: unknown = emission;
    switch (emission.schema_id) {
      case INSTANCES:
        this._cloud.receive(data as IListing);
        break;
      case RUN:
        this._runs.receive(data as IRun);
        break;
      case QUESTIONS:
        void this._questions.refresh();
        break;
      case NOTICE:
        this._notices.emit(data as INotice);
        break;
    }
  }

  private readonly _poll: Poll;
  private readonly _notices = new Signal<this, INotice>(this);
}
