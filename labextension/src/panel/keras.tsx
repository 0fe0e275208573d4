import { useEffect, useState } from 'react';
import { askQuestion } from '../commands/ask';
import type { IKerasRow } from '../rest/contract';
import { Action, LastClick, Problem } from './parts';
import type { IPanelProps } from './props';

/** Keras' settings of a new process on this computer: one field for each. */
export function KerasSettings(props: IPanelProps): JSX.Element {
  const { model, trans } = props;
  const { settings, problem, busy } = model.keras;
  const record = (): void =>
    model.recorded.record('keras', model.keras.problem ? '' : (model.keras.settings?.cell ?? ''));
  const write = (name: string, value: string): void => {
    void model.keras.write(name, value).then(record);
  };
  const undo = async (): Promise<void> => {
    const about = { title: trans.__('Undo the change?'), accept: trans.__('Undo') };
    if (await model.keras.undo(question => askQuestion(trans, about, question))) {
      record();
    }
  };
  return (
    <>
      {problem && <Problem problem={problem} trans={trans} />}
      {!settings && !problem && (
        <p className="dl-wait">{trans.__('Reading the settings of Keras…')}</p>
      )}
      {settings && (
        <div className="dl-keras-form" aria-busy={busy}>
          <p className="dl-facts">{settings.title}</p>
          <p className="dl-facts">
            {trans.__(
              'This is the Python of the Jupyter server. keras.json holds for all kernels of this ' +
                'computer; which backends another kernel has is shown by %1 in its notebook.',
              '%backend'
            )}
          </p>
          {settings.rows.map(row => (
            <Setting key={row.name} row={row} busy={busy} onWrite={write} />
          ))}
          {[...settings.changed, ...settings.remarks].map(remark => (
            <p key={remark} className="dl-facts">
              {remark}
            </p>
          ))}
          {settings.undo && <p className="dl-facts dl-question">{settings.undo}</p>}
          <div className="dl-actions">
            <Action
              label={trans.__('Undo')}
              about={trans.__('Undo the last change of the settings of Keras')}
              waits={busy || !settings.undo}
              onClick={() => void undo()}
            />
          </div>
        </div>
      )}
      <LastClick {...props} section="keras" />
    </>
  );
}

interface ISettingProps {
  row: IKerasRow;
  busy: boolean;
  onWrite: (name: string, value: string) => void;
}

function Setting({ row, busy, onWrite }: ISettingProps): JSX.Element {
  return (
    <label className="dl-field">
      {row.name.replaceAll('_', ' ')}
      {row.choices.length ? <Select {...{ row, busy, onWrite }} /> : <Text {...{ row, busy, onWrite }} />}
      <span className="dl-facts">{row.source}</span>
    </label>
  );
}

function Select({ row, busy, onWrite }: ISettingProps): JSX.Element {
  const known = row.choices.some(choice => choice.value === row.value);
  const choices = known ? row.choices : [{ value: row.value, why: '' }, ...row.choices];
  return (
    <select
      className="jp-mod-styled"
      value={row.value}
      disabled={busy}
      onChange={event => onWrite(row.name, event.target.value)}
    >
      {choices.map(({ value, why }) => (
        <option key={value} value={value} disabled={why !== ''}>
          {why ? `${value} (${why})` : value}
        </option>
      ))}
    </select>
  );
}

function Text({ row, busy, onWrite }: ISettingProps): JSX.Element {
  const [text, setText] = useState(row.value);
  useEffect(() => setText(row.value), [row.value]);
  const valid = text.trim() !== '' && Number(text) > 0 && Number.isFinite(Number(text));
  return (
    <input
      className="jp-mod-styled"
      value={text}
      disabled={busy}
      aria-invalid={!valid}
      onChange={event => setText(event.target.value)}
      onBlur={() => {
        if (valid && text !== row.value) {
          onWrite(row.name, text);
        }
      }}
    />
  );
}
