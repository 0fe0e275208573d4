import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';
import type { Client } from '../rest/client';
import type {
  IAction,
  IElsewhere,
  IError,
  IInstance,
  ILaunch,
  IListing,
  IPlaceChoice,
  IPlaceSelection,
  IPractice,
  IPrices,
  Verb
} from '../rest/contract';
import { Refusal, toProblem } from '../rest/refusal';

/** What the panel knows of AWS: the instances of its place, what is done with them, the bill. */
export class Cloud implements IDisposable {
  constructor(private readonly _client: Client) {}

  readonly isDisposed = false;

  /** Emitted after each change. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** The last listing, or null before the first one. */
  get listing(): IListing | null {
    return this._listing;
  }

  /** Why the instances could not be read; those of `listing` are then the last known ones. */
  get problem(): IError | null {
    return this._problem;
  }

  /** The account and what can be selected; null until it was read. */
  get choice(): IPlaceChoice | null {
    return this._choice;
  }

  /** What runs in other regions; null until it was read. */
  get elsewhere(): IElsewhere | null {
    return this._elsewhere;
  }

  /** The instances that exist. */
  get instances(): IInstance[] {
    return this._listing?.instances ?? [];
  }

  /** The instances that are billed by the second now. */
  get billed(): IInstance[] {
    return this.instances.filter(each => each.costs_money);
  }

  find(id: string): IInstance | undefined {
    return this.instances.find(each => each.id === id);
  }

  /** What is under way with an instance: what the server does, or what was just clicked. */
  actionOn(id: string): IAction | null {
    const known = this._listing?.actions.find(each => each.id === id);
    return known ?? this._clicked.get(id) ?? null;
  }

  /** The failure of the last action on an instance. */
  problemOf(id: string): IError | null {
    return this._problems.get(id) ?? null;
  }

  /** Seconds since AWS was read. */
  get age(): number {
    return (this._listing?.age ?? 0) + (performance.now() - this._readAt) / 1000;
  }

  async refresh(fresh = false): Promise<void> {
    void this._readElsewhere(fresh);
    try {
      this._show(await this._client.listInstances(fresh));
    } catch (reason) {
      this._problem = toProblem(reason);
      this._changed.emit();
      if (!this._choice) {
        // Without a region, for example, it is here that one can be selected.
        void this._readPlace();
      }
    }
  }

  /** Show a listing that was pushed. */
  receive(listing: IListing): void {
    if (this._show(listing)) {
      void this._readElsewhere();
    }
  }

  /** Start, stop, resize or terminate; the click shows at once. */
  async change(
    id: string,
    verb: Exclude<Verb, 'launch'>,
    body: object = {},
    confirmed?: string
  ): Promise<IAction> {
    this._problems.delete(id);
    this._clicked.set(id, { id, verb, began_at: Date.now() / 1000, message: '', cell: '' });
    this._changed.emit();
    try {
      const action = await this._client.change(id, verb, body, confirmed);
      this._begin(action);
      return action;
    } catch (reason) {
      if (!(reason instanceof Refusal && reason.problem.question)) {
        this._problems.set(id, toProblem(reason));
      }
      throw reason;
    } finally {
      this._clicked.delete(id);
      this._changed.emit();
    }
  }

  /** Keep an idle instance running for an hour; its card shows why that failed. */
  async keep(id: string): Promise<void> {
    this._problems.delete(id);
    try {
      const kept = await this._client.keepInstance(id);
      if (this._listing) {
        const instances = this.instances.map(each => (each.id === id ? kept : each));
        this._listing = { ...this._listing, instances };
      }
    } catch (reason) {
      this._problems.set(id, toProblem(reason));
      throw reason;
    } finally {
      this._changed.emit();
    }
  }

  async launch(launch: ILaunch, confirmed?: string): Promise<IInstance> {
    const launched = await this._client.launchInstance(launch, confirmed);
    void this.refresh();
    return launched;
  }

  async readSshCommand(id: string): Promise<string> {
    return (await this._client.readSshCommand(id)).command;
  }

  listPrices(): Promise<IPrices> {
    return this._client.listPrices();
  }

  async selectPlace(selection: IPlaceSelection): Promise<void> {
    await this._client.selectPlace(selection);
    await this.refresh();
  }

  async switchPractice(on: boolean, confirmed?: string): Promise<IPractice> {
    const switched = await this._client.switchPractice(on, confirmed);
    await this.refresh();
    return switched;
  }

  /** Take away the failure that an instance shows. */
  dismiss(id: string): void {
    this._problems.delete(id);
    this._changed.emit();
  }

  dispose(): void {
    Signal.clearData(this);
  }

  /** Show a listing; return whether it is of another place. */
  private _show(listing: IListing): boolean {
    const moved = this._listing?.place.profile_and_region !== listing.place.profile_and_region;
    this._listing = listing;
    this._problem = listing.error;
    this._readAt = performance.now();
    this._changed.emit();
    if (moved) {
      void this._readPlace();
    }
    return moved;
  }

  private _begin(action: IAction): void {
    if (this._listing && !this._listing.actions.some(each => each.id === action.id)) {
      this._listing = { ...this._listing, actions: [...this._listing.actions, action] };
    }
  }

  private async _readPlace(): Promise<void> {
    this._choice = await this._client.readPlace().catch(() => null);
    this._changed.emit();
  }

  /** The server keeps the answer for five minutes, unless it is `fresh`. */
  private async _readElsewhere(fresh = false): Promise<void> {
    this._elsewhere = await this._client.listElsewhere(fresh).catch(() => null);
    this._changed.emit();
  }

  private readonly _changed = new Signal<this, void>(this);
  private readonly _clicked = new Map<string, IAction>();
  private readonly _problems = new Map<string, IError>();
  private _listing: IListing | null = null;
  private _problem: IError | null = null;
  private _choice: IPlaceChoice | null = null;
  private _elsewhere: IElsewhere | null = null;
  private _readAt = performance.now();
}
