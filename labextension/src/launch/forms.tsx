import type { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import { useState } from 'react';
import type { ILaunch, IPrices } from '../rest/contract';
import { firstChoice } from './prices';
import { PriceTable } from './priceTable';
import type { ILaunchFields } from './spot';
import { makeLaunch } from './spot';
import { SpotFields } from './spotFields';

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

/** The body of the dialog that launches: a type, a name, the size of the disk, spot. */
export class LaunchForm extends ReactWidget {
  constructor(
    private readonly _trans: TranslationBundle,
    private readonly _prices: IPrices,
    name: string
  ) {
    super();
    this.addClass('dl-form');
    const type = firstChoice(_prices.types);
    this._fields = { type, name, disk: '', isSpot: false, maxPrice: '' };
  }

  getValue(): ILaunch {
    return makeLaunch(this._fields);
  }

  protected override render(): JSX.Element {
    return (
      <LaunchFields
        trans={this._trans}
        prices={this._prices}
        first={this._fields}
        onChange={fields => {
          this._fields = fields;
        }}
      />
    );
  }

  private _fields: ILaunchFields;
}

interface ILaunchFieldsProps {
  trans: TranslationBundle;
  prices: IPrices;
  first: ILaunchFields;
  onChange: (fields: ILaunchFields) => void;
}

function LaunchFields({ trans, prices, first, onChange }: ILaunchFieldsProps): JSX.Element {
  const [fields, setFields] = useState(first);
  const change = (changed: Partial<ILaunchFields>): void => {
    const next = { ...fields, ...changed };
    setFields(next);
    onChange(next);
  };
  return (
    <>
      <TypeFields
        trans={trans}
        prices={prices}
        type={fields.type}
        onChange={type => change({ type })}
      />
      <label className="dl-field">
        {trans.__('Name')}
        <input
          className="jp-mod-styled"
          value={fields.name}
          pattern="[A-Za-z0-9][A-Za-z0-9 _.\-]*"
          maxLength={60}
          required
          onChange={event => change({ name: event.target.value })}
        />
      </label>
      <label className="dl-field">
        {trans.__('Disk, GiB')}
        <input
          className="jp-mod-styled"
          type="number"
          min={1}
          max={65536}
          value={fields.disk}
          placeholder="100"
          onChange={event => change({ disk: event.target.value })}
        />
      </label>
      <SpotFields
        trans={trans}
        fields={fields}
        price={prices.types.find(each => each.type === fields.type)}
        onChange={change}
      />
    </>
  );
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
