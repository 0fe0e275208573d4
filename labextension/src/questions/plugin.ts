import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Dialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { createElement } from 'react';
import { attempt } from '../commands/context';
import type { IQuestion } from '../rest/contract';
import { IModel } from '../tokens';

/** The plugin that asks for cells: where the server runs them, no front end accepts their input. */
export const questions: JupyterFrontEndPlugin<void> = {
  id: 'dl-magics:questions',
  description: 'Asks the questions of cells whose front end accepts no input.',
  autoStart: true,
  requires: [IModel],
  optional: [ITranslator],
  activate: (_app: JupyterFrontEnd, model: IModel, translator: ITranslator | null) => {
    const trans = (translator ?? nullTranslator).load('dl_magics');
    const dialogs = new Map<string, Dialog<unknown>>();
    model.questions.changed.connect(({ open }) => {
      for (const [id, dialog] of dialogs) {
        if (!open.some(each => each.id === id)) {
          // Answered in another browser, or its cell was interrupted.
          dialogs.delete(id);
          dialog.dispose();
        }
      }
      for (const question of open.filter(each => !dialogs.has(each.id))) {
        const dialog = makeDialog(trans, question);
        dialogs.set(question.id, dialog);
        void dialog.launch().then(
          ({ button }) =>
            attempt(question.notebook, () => model.questions.answer(question, button.accept)),
          () => undefined
        );
      }
    }, dialogs);
  }
};

function makeDialog(trans: TranslationBundle, question: IQuestion): Dialog<unknown> {
  return new Dialog({
    title: trans.__('A cell of %1 asks', question.notebook),
    body: createElement('div', { className: 'dl-question' }, question.text),
    buttons: [
      Dialog.cancelButton({ label: trans.__('No') }),
      Dialog.okButton({ label: trans.__('Yes, Do It') })
    ],
    // It opens while a person types: Enter must not spend money.
    defaultButton: 0
  });
}
