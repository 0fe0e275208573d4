import type { TranslationBundle } from '@jupyterlab/translation';
import { Button } from '@jupyterlab/ui-components';
import type { PropsWithChildren } from 'react';
import { CommandIDs } from '../commands/ids';
import type { Section } from '../model/recorded';
import type { IError } from '../rest/contract';
import type { IPanelProps } from './props';

interface IActionProps {
  label: string;
  /** What it does, for those who hear it without its surroundings. */
  about?: string | undefined;
  /** The main thing to do, what ends something, what deserves a look. */
  kind?: 'accept' | 'stop' | 'alert';
  /** It stays where it is and keeps the focus, but does nothing. */
  waits?: boolean;
  onClick: () => void;
}

const KINDS = { accept: 'jp-mod-accept', stop: 'dl-ends', alert: 'dl-alert' };

/** A button of the panel. */
export function Action({ label, about, kind, waits, onClick }: IActionProps): JSX.Element {
  return (
    <Button
      className={`jp-mod-styled dl-action ${kind ? KINDS[kind] : ''}`}
      aria-label={about}
      aria-disabled={waits}
      title={about}
      onClick={() => {
        if (!waits) {
          onClick();
        }
      }}
    >
      {label}
    </Button>
  );
}

/** The two lines of a failure. */
export function Problem(props: {
  problem: IError;
  trans: TranslationBundle;
  action?: JSX.Element;
  onDismiss?: () => void;
}): JSX.Element {
  const { problem, trans, action, onDismiss } = props;
  return (
    <div className="dl-problem" role="alert">
      <p>{problem.message}</p>
      {problem.fix && <p className="dl-fix">{problem.fix}</p>}
      {action}
      {onDismiss && <Action label={trans.__('Dismiss')} onClick={onDismiss} />}
    </div>
  );
}

/** What a section shows while there is nothing to show: what it is for, and what to do. */
export function Empty(props: PropsWithChildren<{ title: string; text: string }>): JSX.Element {
  return (
    <div className="dl-empty">
      <h3>{props.title}</h3>
      <p>{props.text}</p>
      <div className="dl-actions">{props.children}</div>
    </div>
  );
}

/** The magic of the last click in a section, to be put into the notebook. */
export function LastClick({
  commands,
  model,
  trans,
  section
}: IPanelProps & { section: Section }): JSX.Element | null {
  const { recorded } = model;
  if (!recorded.cell || recorded.section !== section) {
    return null;
  }
  return (
    <div className="dl-last-click">
      <code title={trans.__('The magic of the last click')}>{recorded.cell}</code>
      <Action
        label={trans.__('Insert Magic')}
        onClick={() => void commands.execute(CommandIDs.insertMagic)}
      />
    </div>
  );
}
