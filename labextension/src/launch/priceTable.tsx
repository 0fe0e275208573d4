import type { TranslationBundle } from '@jupyterlab/translation';
import { useState } from 'react';
import type { IPrice } from '../rest/contract';
import { addDay, formatPerHour } from '../text/money';
import { filterTypes, fitsQuota, otherType, sortByPrice } from './prices';

export interface IPriceTableProps {
  trans: TranslationBundle;
  types: IPrice[];
  selected: string;
  onSelect: (type: string) => void;
}

/** The instance types with GPU, memory, prices and the quota that is left; one is selected. */
export function PriceTable({ trans, types, selected, onSelect }: IPriceTableProps): JSX.Element {
  const [filter, setFilter] = useState('');
  const other = otherType(types, filter);
  return (
    <>
      <label className="dl-field">
        {trans.__('Filter')}
        <input
          className="jp-mod-styled"
          type="search"
          value={filter}
          placeholder={trans.__('Type or GPU: g4dn, T4')}
          onChange={event => setFilter(event.target.value)}
        />
      </label>
      <div className="dl-prices" tabIndex={-1}>
        <table>
          <thead>
            <tr>
              <th scope="col">{trans.__('Type')}</th>
              <th scope="col">{trans.__('GPU')}</th>
              <th scope="col">{trans.__('Memory')}</th>
              <th scope="col">{trans.__('On demand')}</th>
              <th scope="col">{trans.__('Spot')}</th>
              <th scope="col">{trans.__('Quota left')}</th>
            </tr>
          </thead>
          <tbody>
            {sortByPrice(filterTypes(types, filter)).map(each => (
              <tr key={each.type} className={each.type === selected ? 'dl-selected' : ''}>
                <th scope="row">
                  <Choice type={each.type} selected={selected} onSelect={onSelect} />
                </th>
                <td>{each.gpu || '–'}</td>
                <td>{trans.__('%1 GiB', each.memory_gib)}</td>
                <td>
                  {each.dollars_per_hour === null
                    ? trans.__('unknown')
                    : addDay(formatPerHour(each.dollars_per_hour), each.price_day)}
                </td>
                <td>
                  {each.spot_dollars_per_hour === null
                    ? '–'
                    : formatPerHour(each.spot_dollars_per_hour)}
                </td>
                <td className={fitsQuota(each) ? '' : 'dl-warn'}>
                  {each.vcpus_left === null
                    ? trans.__('unknown')
                    : trans.__('%1 vCPUs, needs %2', each.vcpus_left, each.vcpus)}
                </td>
              </tr>
            ))}
            {other && (
              <tr className={other === selected ? 'dl-selected' : ''}>
                <th scope="row">
                  <Choice type={other} selected={selected} onSelect={onSelect} />
                </th>
                <td colSpan={5}>{trans.__('the price is in the question')}</td>
              </tr>
            )}
          </tbody>
        </table>
      </div>
    </>
  );
}

function Choice(props: Pick<IPriceTableProps, 'selected' | 'onSelect'> & { type: string }): JSX.Element {
  const { type, selected, onSelect } = props;
  return (
    <label>
      <input
        type="radio"
        name="dl-type"
        value={type}
        checked={type === selected}
        onChange={() => onSelect(type)}
      />
      {type}
    </label>
  );
}
