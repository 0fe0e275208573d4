import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Dialog, Notification, showDialog } from '@jupyterlab/apputils';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import type { TranslationBundle } from '@jupyterlab/translation';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { CommandIDs } from '../commands/ids';
import type { INotice } from '../rest/contract';
import { IModel } from '../tokens';

const ID = 'dl-magics:notices';
const SECONDS = 12;
// JupyterLab cuts off a longer message.
const LONGEST = 140;
// They end the server or the login, after which no page says what is billed.
const ENDS = ['filemenu:shutdown', 'filemenu:logout', 'hub:logout'];

/** The plugin that speaks up: a run has ended, an instance is gone, money runs while you leave. */
export const notices: JupyterFrontEndPlugin<void> = {
  id: ID,
  description: 'Notifies of runs that end and instances that go, and asks before leaving.',
  autoStart: true,
  requires: [IModel],
  optional: [ISettingRegistry, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    model: IModel,
    registry: ISettingRegistry | null,
    translator: ITranslator | null
  ) => {
    const trans = (translator ?? nullTranslator).load('dl_magics');
    const shown = { level: 'all', asks: true };
    model.notices.connect((_, notice) => {
      if (isShown(notice, shown.level)) {
        notify(app, trans, notice);
      }
    }, shown);
    window.addEventListener('beforeunload', event => {
      if (shown.asks && model.cloud.billed.length) {
        event.preventDefault();
        remind(app, model, trans);
      }
    });
    app.commands.commandExecuted.connect((_, { id }) => {
      if (ENDS.includes(id)) {
        remind(app, model, trans);
      }
    }, shown);
    // Without a schema, for example in a page that does not list settings, the defaults hold.
    void registry
      ?.load(ID)
      .then(settings => {
        const read = (): void => {
          shown.level = String(settings.composite.notifications);
          shown.asks = settings.composite.askBeforeLeaving !== false;
        };
        settings.changed.connect(read, shown);
        read();
      })
      .catch((reason: unknown) => console.error(`${ID}: ${String(reason)}`));
  }
};

/** Whether the settings let a notice be shown. */
export function isShown(notice: INotice, level: string): boolean {
  const isProblem = notice.level === 'warning' || notice.level === 'error';
  return level === 'all' || (level === 'problems' && isProblem);
}

function notify(app: JupyterFrontEnd, trans: TranslationBundle, notice: INotice): void {
  const message = [notice.message, notice.fix].filter(Boolean).join(' · ');
  const actions = [openPanel(app, trans)];
  if (notice.kind === 'guard-stops' && notice.instance) {
    actions.unshift(keep(app, trans, notice.instance));
  }
  if (message.length > LONGEST) {
    actions.unshift({
      label: trans.__('Read All'),
      callback: () =>
        void showDialog({
          title: trans.__('dl_magics'),
          body: message,
          buttons: [Dialog.okButton({ label: trans.__('Close') })]
        })
    });
  }
  Notification.emit(message, notice.level, {
    autoClose: isLasting(notice) ? false : SECONDS * 1000,
    actions
  });
}

/** Whether a notice stays until it was read: a problem, or a stop that was not asked for. */
function isLasting(notice: INotice): boolean {
  return notice.level === 'error' || /^(guard|spot)-/.test(notice.kind);
}

function keep(
  app: JupyterFrontEnd,
  trans: TranslationBundle,
  instance: string
): Notification.IAction {
  return {
    label: trans.__('Keep for an Hour'),
    displayType: 'accent',
    callback: () => void app.commands.execute(CommandIDs.keepInstance, { instance })
  };
}

/** JupyterLab and the browser ask in their own words; what keeps costing money is said here. */
function remind(app: JupyterFrontEnd, model: IModel, trans: TranslationBundle): void {
  if (!model.cloud.billed.length) {
    return;
  }
  const names = model.cloud.billed.map(each => each.name).join(', ');
  Notification.warning(trans.__('Still running and billed by the second: %1', names), {
    autoClose: SECONDS * 1000,
    actions: [openPanel(app, trans)]
  });
}

function openPanel(app: JupyterFrontEnd, trans: TranslationBundle): Notification.IAction {
  return {
    label: trans.__('Show'),
    callback: () => void app.commands.execute(CommandIDs.openPanel)
  };
}
