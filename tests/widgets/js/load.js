import { readFile } from 'node:fs/promises';

const FOLDER = new URL('../../../dl_magics/widgets/browser/', import.meta.url);

/** Return a module of the widgets; what it imports from beside it comes with it, as in a browser. */
export async function load(name) {
  return import(await address(name));
}

async function address(name) {
  let source = await readFile(new URL(name, FOLDER), 'utf8');
  for (const [found, beside] of source.matchAll(/ from '\.\/(\w+\.js)';/g)) {
    source = source.replace(found, ` from '${await address(beside)}';`);
  }
  return `data:text/javascript;base64,${Buffer.from(source).toString('base64')}`;
}
