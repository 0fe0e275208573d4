import { InputDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';

interface INamed {
  name: string;
  id?: string;
}

/**
 * Return the one that a command means: the one that its argument names, else the only one that
 * fits, else the one that a person selects. Null if there is none.
 */
export async function choose<T extends INamed>(
  trans: TranslationBundle,
  title: string,
  each: T[],
  wanted: unknown
): Promise<T | null> {
  if (typeof wanted === 'string' && wanted) {
    return each.find(one => one.id === wanted) ?? each.find(one => one.name === wanted) ?? null;
  }
  if (each.length < 2) {
    return each[0] ?? null;
  }
  const label = (one: T): string => (one.id ? `${one.name} (${one.id})` : one.name);
  const { button, value } = await InputDialog.getItem({
    title,
    label: trans.__('Which one?'),
    items: each.map(label)
  });
  return button.accept ? (each.find(one => label(one) === value) ?? null) : null;
}
