import { Dialog, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import type { Cloud } from '../model/cloud';
import type { IInstance, ILaunch } from '../rest/contract';
import { LaunchForm, TypeForm } from './forms';
import { freeName } from './prices';

/** Return what to launch: as the arguments say, else as a person selects; null if cancelled. */
export async function askLaunch(
  trans: TranslationBundle,
  cloud: Cloud,
  args: ReadonlyPartialJSONObject
): Promise<ILaunch | null> {
  const taken = cloud.instances.filter(each => !each.gone).map(each => each.name);
  const name = typeof args.name === 'string' ? args.name : freeName(taken);
  if (typeof args.type === 'string') {
    return { type: args.type, name };
  }
  const { button, value } = await showDialog({
    title: trans.__('Launch an instance'),
    body: new LaunchForm(trans, await cloud.listPrices(), name),
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      Dialog.okButton({ label: trans.__('Show Cost…') })
    ],
    focusNodeSelector: 'input'
  });
  return button.accept && value?.type ? value : null;
}

/** Return the type to which an instance is resized; "" if cancelled. */
export async function askType(
  trans: TranslationBundle,
  cloud: Cloud,
  instance: IInstance
): Promise<string> {
  const prices = await cloud.listPrices();
  const types = prices.types.filter(each => each.type !== instance.type);
  const { button, value } = await showDialog({
    title: trans.__('Resize %1, now %2', instance.name, instance.type),
    body: new TypeForm(trans, { ...prices, types }),
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      Dialog.okButton({ label: trans.__('Show Cost…') })
    ],
    focusNodeSelector: 'input'
  });
  return button.accept ? (value ?? '') : '';
}
