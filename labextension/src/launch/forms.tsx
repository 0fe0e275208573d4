import type { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import { useState } from 'react';
import type { ILaunch, IPrices } from '../rest/contract';
import { firstChoice } from './prices';
import { PriceTable } from './priceTable';

/** The body of a dialog that selects an instance type; its value is the type. */
export class TypeForm extends ReactWidget {
  constructor(
    private readonly _trans: TranslationBundle,
    private readonly _prices: IPrices,
    private _type = ''
  ) {
    super();
    this.addClass('dl-form');
  }

  getValue(): string {
    return this._type;
  }

  protected override render(): JSX.Element {
    return (
      <TypeFields
        trans={this._trans}
        prices={this._prices}
        type={this._type}
        onChange={type => {
          this._type = type;
        }}
      />
    );
  }
}

/** The body of the dialog that launches: a type, a name, the size of the disk. */
export class LaunchForm extends ReactWidget {
  constructor(
    private readonly _trans: TranslationBundle,
    private readonly _prices: IPrices,
    name: string
  ) {
    super();
    this.addClass('dl-form');
    this._launch = { type: firstChoice(_prices.types), name };
  }

  getValue(): ILaunch {
    return this._launch;
  }

  protected override render(): JSX.Element {
    return (
      <>
        <TypeFields
          trans={this._trans}
          prices={this._prices}
          type={this._launch.type}
          onChange={type => this._set({ type })}
        />
        <label className="dl-field">
          {this._trans.__('Name')}
          <input
            className="jp-mod-styled"
            defaultValue={this._launch.name}
            pattern="[A-Za-z0-9][A-Za-z0-9 _.\-]*"
            maxLength={60}
            required
            onChange={event => this._set({ name: event.target.value })}
          />
        </label>
        <label className="dl-field">
          {this._trans.__('Disk, GiB')}
          <input
            className="jp-mod-styled"
            type="number"
            min={1}
            max={16384}
            placeholder="100"
            onChange={event => this._setDisk(event.target.value)}
          />
        </label>
      </>
    );
  }

  private _set(change: Partial<ILaunch>): void {
    this._launch = { ...this._launch, ...change };
  }

  private _setDisk(text: string): void {
    const { type, name } = this._launch;
    this._launch = text ? { type, name, disk_gib: Number(text) } : { type, name };
  }

  private _launch: ILaunch;
}

interface ITypeFieldsProps {
  trans: TranslationBundle;
  prices: IPrices;
  type: string;
  onChange: (type: string) => void;
}

function TypeFields({ trans, prices, type, onChange }: ITypeFieldsProps): JSX.Element {
  const [selected, setSelected] = useState(type);
  return (
    <>
      <p>{prices.title}</p>
      <PriceTable
        trans={trans}
        types={prices.types}
        selected={selected}
        onSelect={next => {
          setSelected(next);
          onChange(next);
        }}
      />
    </>
  );
}
