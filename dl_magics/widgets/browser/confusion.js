/**
 * `%confusion`: the matrix of a run. A cell with images is a button that shows them below; the arrow
 * keys move between these buttons.
 *
 * @typedef {import('./base.js').Model} Model
 * @typedef {{path: string, picture: string, text: string}} Item
 * @typedef {{row: number, column: number, images: number, items: Item[]}} Shown
 */

import { button, element, prepare, redraw, watchKernel } from './base.js';

const TRAITS = ['title', 'rows', 'results', 'remarks', 'shown', 'note', 'handled'];
/** @type {Record<string, [number, number]>} */
const MOVES = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
const FEW = 'no image';

/**
 * Return how strongly a cell is coloured, in percent. It is the square root of its share of the
 * row, so that few mistakes are seen beside many right ones.
 *
 * @param {number} count
 * @param {number[]} row
 */
export function strength(count, row) {
  const whole = row.reduce((sum, each) => sum + each, 0);
  return whole ? Math.round(45 * Math.sqrt(count / whole)) : 0;
}

/**
 * Return the next cell with images in a direction; the same one where there is none.
 *
 * @param {number[][]} rows
 * @param {[number, number]} at
 * @param {[number, number]} move
 * @returns {[number, number]}
 */
export function nextCell(rows, at, move) {
  for (let [row, column] = at; ; ) {
    row += move[0];
    column += move[1];
    const count = rows[row]?.[column];
    if (count === undefined) {
      return at;
    }
    if (count) {
      return [row, column];
    }
  }
}

/**
 * @param {number} count
 * @param {string} truth
 * @param {string} predicted
 */
export function describeCell(count, truth, predicted) {
  const images = count ? `${count.toLocaleString('en')} ${count === 1 ? 'image' : 'images'}` : FEW;
  return truth === predicted
    ? `${images} of ${truth}, predicted right`
    : `${images} of ${truth}, predicted ${predicted}`;
}

/** @param {{model: Model, el: HTMLElement}} context */
function render({ model, el }) {
  prepare(el, 'dl-confusion', 'Confusion matrix');
  let sent = model.get('received');
  /** @type {[number, number] | null} */
  let chosen = null;
  const kernel = watchKernel(model, draw, TRAITS);

  /**
   * @param {number} row
   * @param {number} column
   */
  function show(row, column) {
    sent = Math.max(sent, model.get('received')) + 1;
    chosen = [row, column];
    model.send({ n: sent, row, column });
    draw();
  }

  /** @param {KeyboardEvent} event */
  function move(event) {
    const step = MOVES[event.key];
    const from = /** @type {HTMLElement} */ (event.target).closest('[data-key]');
    const at = from?.getAttribute('data-key')?.split(',').map(Number);
    if (!step || at?.length !== 2) {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
    const to = nextCell(model.get('rows'), [at[0], at[1]], step);
    /** @type {HTMLElement | null} */ (el.querySelector(`button[data-key="${to}"]`))?.focus();
  }

  /**
   * @param {number[]} counts
   * @param {number} row
   */
  function line(counts, row) {
    const names = model.get('classes');
    const cells = counts.map((count, column) => {
      const label = describeCell(count, names[row], names[column]);
      const is = row === column ? 'dl-right' : 'dl-wrong';
      const content = count
        ? button(
            count.toLocaleString('en'),
            {
              can: !kernel.why(),
              label,
              key: `${row},${column}`,
              pressed: chosen?.[0] === row && chosen[1] === column
            },
            () => show(row, column)
          )
        : element('span', { 'aria-label': label, role: 'img' }, '0');
      const style = `--dl-share: ${strength(count, counts)}%`;
      return element('td', { class: count ? is : 'dl-none', style, 'data-key': column }, content);
    });
    const results = model.get('results')[row].map((/** @type {string} */ text, /** @type {number} */ at) =>
      element('td', { class: 'dl-result', 'data-key': `result ${at}` }, text)
    );
    const head = element('th', { scope: 'row', 'data-key': 'name' }, names[row]);
    return element('tr', { 'data-key': row }, head, ...cells, ...results);
  }

  /** @param {Shown} shown */
  function gallery(shown) {
    const names = model.get('classes');
    const more = shown.images - shown.items.length;
    const items = shown.items.map(each =>
      element(
        'li',
        { 'data-key': each.path },
        each.picture
          ? element('img', { src: `data:image/jpeg;base64,${each.picture}`, alt: '' })
          : element('span', { class: 'dl-gone-picture' }, 'not readable'),
        element('span', { class: 'dl-share' }, each.text),
        element('span', { class: 'dl-path' }, each.path)
      )
    );
    return [
      element(
        'p',
        { role: 'status', 'data-key': 'what' },
        `${describeCell(shown.images, names[shown.row], names[shown.column])}, most certain first` +
          (more > 0 ? `; the first ${shown.items.length}` : '')
      ),
      element('ul', { 'data-key': 'images' }, ...items)
    ];
  }

  function draw() {
    const names = model.get('classes');
    const shown = model.get('shown');
    const waits = sent > model.get('handled') && !kernel.why();
    chosen ??= shown.items ? [shown.row, shown.column] : null;
    const head = [...names, 'right', '95 % interval'].map((name, at) =>
      element('th', { scope: 'col', class: at < names.length ? null : 'dl-result' }, name)
    );
    redraw(el, [
      element('div', { class: 'dl-gone', role: 'alert', 'data-key': 'gone' }, kernel.why()),
      element('p', { class: 'dl-title', 'data-key': 'title' }, model.get('title')),
      element(
        'div',
        { class: 'dl-scrolled', 'data-key': 'matrix', onkeydown: /** @type {any} */ (move) },
        element(
          'table',
          { 'aria-label': 'Rows: the label of the images. Columns: what was predicted.' },
          element('thead', {}, element('tr', {}, element('td', {}, 'label \\ predicted'), ...head)),
          element('tbody', {}, ...model.get('rows').map(line))
        )
      ),
      element(
        'p',
        { class: 'dl-remark', 'data-key': 'remark' },
        ['A click on a number shows its images.', ...model.get('remarks')].join(' ')
      ),
      element('div', { class: 'dl-note', role: 'status', 'data-key': 'note' }, model.get('note')),
      element(
        'div',
        { class: 'dl-images', 'data-key': 'shown', 'aria-busy': String(waits) },
        ...(waits
          ? [element('p', { role: 'status', 'data-key': 'what' }, 'Loading the images …')]
          : shown.items
            ? gallery(shown)
            : [])
      )
    ]);
  }

  draw();
  return kernel.close;
}

export default { render };
