import { CommandIDs } from '../commands/ids';
import type { IError, IInstance } from '../rest/contract';
import { InstanceCard } from './instanceCard';
import { Action, Empty, LastClick, Problem } from './parts';
import type { IPanelProps } from './props';

/** The instances of the panel's place. */
export function Instances(props: IPanelProps): JSX.Element {
  const { model, trans } = props;
  const { listing, problem } = model.cloud;
  if (problem && !listing?.instances.length) {
    return <Unread {...props} problem={problem} />;
  }
  if (!listing) {
    return <p className="dl-wait">{trans.__('Reading the instances…')}</p>;
  }
  return (
    <>
      {problem && <Problem problem={problem} trans={trans} />}
      {listing.instances.length ? (
        <List {...props} instances={listing.instances} />
      ) : (
        <None {...props} />
      )}
      <LastClick {...props} section="instances" />
    </>
  );
}

function List(props: IPanelProps & { instances: IInstance[] }): JSX.Element {
  const { trans, instances } = props;
  return (
    <>
      <ul className="dl-cards" aria-label={trans.__('Instances')}>
        {instances.map(instance => (
          <InstanceCard key={instance.id} {...props} instance={instance} />
        ))}
      </ul>
      <div className="dl-actions dl-below">
        <Launch {...props} />
      </div>
    </>
  );
}

/** There is an account, but no instance in it. */
function None(props: IPanelProps): JSX.Element {
  const { model, trans } = props;
  return (
    <Empty
      title={trans.__('No instance in %1', model.cloud.listing?.place.profile_and_region ?? '')}
      text={trans.__(
        'An instance is a computer with a GPU that you rent by the second. Launch shows the ' +
          'prices first and asks before anything costs money.'
      )}
    >
      <Launch {...props} />
      {!model.cloud.listing?.place.practice && <Practice {...props} />}
    </Empty>
  );
}

/** The instances could not be read: no credentials, no region, no answer. */
function Unread(props: IPanelProps & { problem: IError }): JSX.Element {
  const { commands, problem, trans } = props;
  return (
    <>
      <Problem problem={problem} trans={trans} />
      <Empty
        title={trans.__('No AWS account at hand?')}
        text={trans.__(
          'The practice cloud is an EC2 API with SSH hosts on this computer: everything works as ' +
            'on AWS, needs no account and costs nothing.'
        )}
      >
        <Practice {...props} />
        <Action
          label={trans.__('Read Again')}
          onClick={() => void commands.execute(CommandIDs.refreshPanel)}
        />
      </Empty>
    </>
  );
}

function Launch({ commands, trans }: IPanelProps): JSX.Element {
  return (
    <Action
      label={trans.__('Launch…')}
      about={trans.__('Launch… select a type with its price')}
      kind="accept"
      onClick={() => void commands.execute(CommandIDs.launchInstance)}
    />
  );
}

function Practice({ commands, trans }: IPanelProps): JSX.Element {
  return (
    <Action
      label={trans.__('Try the Practice Cloud')}
      onClick={() => void commands.execute(CommandIDs.switchPractice, { on: true })}
    />
  );
}
