import { CommandIDs } from '../commands/ids';
import type { IPlaceChoice, IRegion } from '../rest/contract';
import { formatPerHour } from '../text/money';
import { Action } from './parts';
import type { IPanelProps } from './props';

/** The account, profile and region of the panel, and what runs in other regions. */
export function Header(props: IPanelProps): JSX.Element {
  const { commands, model, trans } = props;
  const { listing, choice, elsewhere } = model.cloud;
  const place = listing?.place;
  return (
    <div className="dl-place">
      {place?.practice ? (
        <div className="dl-head">
          <span className="dl-tag" title={trans.__('On this computer: it costs nothing')}>
            {trans.__('Practice cloud')}
          </span>
          <span>{place.region}</span>
          <Action
            label={trans.__('Leave')}
            about={trans.__('Leave the practice cloud: it stops, and the AWS account is shown')}
            onClick={() => void commands.execute(CommandIDs.switchPractice, { on: false })}
          />
        </div>
      ) : choice ? (
        <Selects {...props} choice={choice} />
      ) : (
        place && <span>{place.profile_and_region}</span>
      )}
      {choice?.account && !place?.practice && (
        <div className="dl-facts">{trans.__('Account %1', choice.account)}</div>
      )}
      {elsewhere?.regions.map(each => (
        <Elsewhere key={each.region} {...props} region={each} />
      ))}
      {elsewhere && elsewhere.unread.length > 0 && (
        <div className="dl-facts" title={elsewhere.unread.join('\n')}>
          {trans.__('Could not be read: %1', elsewhere.unread.map(nameOf).join(', '))}
        </div>
      )}
    </div>
  );
}

/** `eu-west-1` of `eu-west-1 (why)`. */
function nameOf(unread: string): string {
  return unread.replace(/ \(.*/s, '');
}

function Selects({ model, commands, trans, choice }: IPanelProps & { choice: IPlaceChoice }): JSX.Element {
  const select = (profile: string, region?: string): void => {
    const args = region ? { profile, region } : { profile };
    void commands.execute(CommandIDs.selectPlace, args);
  };
  const place = model.cloud.listing?.place ?? choice;
  return (
    <div className="dl-head">
      <select
        className="jp-mod-styled"
        aria-label={trans.__('AWS profile of the panel')}
        value={place.profile}
        onChange={event => select(event.target.value)}
      >
        {offer(choice.profiles, place.profile)}
      </select>
      <select
        className="jp-mod-styled"
        aria-label={trans.__('AWS region of the panel')}
        value={place.region ?? ''}
        onChange={event => select(place.profile, event.target.value)}
      >
        {offer(choice.regions, place.region ?? '')}
      </select>
    </div>
  );
}

/** The options of a list; the present value is one of them in any case. */
function offer(values: string[], present: string): JSX.Element[] {
  const all = values.includes(present) ? values : [present, ...values];
  return all.map(value => (
    <option key={value} value={value}>
      {value}
    </option>
  ));
}

function Elsewhere(props: IPanelProps & { region: IRegion }): JSX.Element {
  const { commands, model, trans, region } = props;
  const perHour =
    region.dollars_per_hour === null
      ? trans.__('price unknown')
      : formatPerHour(region.dollars_per_hour);
  const text = trans._n(
    'also running in %2: %1 instance, %3',
    'also running in %2: %1 instances, %3',
    region.running,
    region.region,
    perHour
  );
  return (
    <Action
      label={text}
      about={trans.__('%1 (%2)', text, region.names.join(', '))}
      kind="alert"
      onClick={() =>
        void commands.execute(CommandIDs.selectPlace, {
          profile: model.cloud.listing?.place.profile ?? '',
          region: region.region
        })
      }
    />
  );
}
