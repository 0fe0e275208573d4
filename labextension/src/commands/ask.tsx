import { Dialog, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';

/** What a question is about: what is done if a person says yes, and whether it deletes. */
export interface IQuestion {
  title: string;
  accept: string;
  deletes?: boolean;
}

/** Ask before something costs money or deletes; the question names dollars, account and region. */
export async function askQuestion(
  trans: TranslationBundle,
  about: IQuestion,
  question: string
): Promise<boolean> {
  const accept = about.deletes ? Dialog.warnButton : Dialog.okButton;
  const { button } = await showDialog({
    title: about.title,
    body: <div className="dl-question">{question}</div>,
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      accept({ label: about.accept })
    ],
    // Enter must not delete.
    defaultButton: about.deletes ? 0 : 1
  });
  return button.accept;
}
