import type { TranslationBundle } from '@jupyterlab/translation';
import type { IPrice } from '../rest/contract';
import { formatPerHour } from '../text/money';
import type { ILaunchFields } from './spot';
import { isTooLow, savedPercent } from './spot';

interface ISpotFieldsProps {
  trans: TranslationBundle;
  fields: ILaunchFields;
  price: IPrice | undefined;
  onChange: (change: Partial<ILaunchFields>) => void;
}

/** The choice of a spot instance: its price beside that on demand, its maximum, how it ends. */
export function SpotFields({ trans, fields, price, onChange }: ISpotFieldsProps): JSX.Element {
  return (
    <fieldset className="dl-spot">
      <label className="dl-check">
        <input
          type="checkbox"
          checked={fields.isSpot}
          onChange={event => onChange({ isSpot: event.target.checked })}
        />
        {trans.__('Spot instance')}
      </label>
      <p className="dl-facts">{comparePrices(trans, price)}</p>
      {fields.isSpot && <Maximum {...{ trans, fields, price, onChange }} />}
    </fieldset>
  );
}

function Maximum({ trans, fields, price, onChange }: ISpotFieldsProps): JSX.Element {
  const tooLow = isTooLow(fields.maxPrice, price);
  return (
    <>
      <label className="dl-field">
        {trans.__('Maximum price, $/h')}
        <input
          className="jp-mod-styled"
          type="number"
          min={0.0011}
          max={10000}
          step="any"
          value={fields.maxPrice}
          placeholder={trans.__('the price on demand')}
          aria-invalid={tooLow}
          onChange={event => onChange({ maxPrice: event.target.value })}
        />
      </label>
      <p className="dl-facts" role="status">
        {tooLow && trans.__('Lower than the spot price now: AWS would launch nothing.')}
      </p>
      <p className="dl-facts">
        {trans.__(
          'AWS may stop it two minutes after a notice: runs save a checkpoint, the disk stays. AWS ' +
            'starts it when it has capacity again; then %1 goes on.',
          '%finetune --resume'
        )}
      </p>
      <p className="dl-facts">
        {trans.__(
          'Stop and Start work as on demand, since its request is persistent; the instance of a ' +
            'one-time request could only be terminated. Spot instances have a vCPU quota of their ' +
            'own, which is checked next.'
        )}
      </p>
    </>
  );
}

function comparePrices(trans: TranslationBundle, price: IPrice | undefined): string {
  const spot = price?.spot_dollars_per_hour ?? null;
  const onDemand = price?.dollars_per_hour ?? null;
  if (spot === null) {
    return trans.__('Its price is not known here; the question shows it.');
  }
  if (onDemand === null) {
    return trans.__('From %1 now', formatPerHour(spot));
  }
  const saved = savedPercent(price);
  const both = trans.__('From %1 now, on demand %2', formatPerHour(spot), formatPerHour(onDemand));
  return saved === null ? both : trans.__('%1: %2 % less', both, saved);
}
