/**
 * `%keras_settings`: one input for each setting. What an input shows is what is written: a value
 * that was asked for stands beside it until the kernel has written it.
 *
 * @typedef {import('./base.js').Model} Model
 * @typedef {import('./setting_choices.js').Row} Row
 */

import { button, element, prepare, redraw, watchKernel } from './base.js';
import { isMove, isSmallNumber, label, offered } from './setting_choices.js';

const TRAITS = [
  'rows',
  'title',
  'remarks',
  'note',
  'received',
  'handled',
  'where',
  'can_undo',
  'needs_restart'
];
const SIDES = { local: 'This computer', remote: 'Instance' };

let forms = 0;

/** @param {{model: Model, el: HTMLElement}} context */
function render({ model, el }) {
  prepare(el, 'dl-keras', 'Keras settings');
  const id = `dl-keras-${++forms}`;
  let sent = model.get('received');
  /** @type {{name: string, value: string} | null} */
  let asked = null;
  /** A choice that the arrow keys went to. @type {{name: string, value: string} | null} */
  let offer = null;
  /** A text that is being typed. @type {{name: string, text: string} | null} */
  let typed = null;
  let lastKey = '';
  let complaint = '';
  const kernel = watchKernel(model, draw, TRAITS);

  const waits = () => sent > model.get('handled');
  const acts = () => !waits() && !kernel.why();

  /** @param {object} click */
  function send(click) {
    sent += 1;
    complaint = '';
    model.send({ n: sent, ...click });
    draw();
  }

  /**
   * @param {string} name
   * @param {string} value
   */
  function write(name, value) {
    offer = null;
    asked = { name, value };
    send({ action: 'write', name, value });
  }

  /** Write what the arrow keys went to. */
  function take() {
    if (offer && acts()) {
      write(offer.name, offer.value);
    }
  }

  /** @param {Row} row */
  function list(row) {
    const value = offer?.name === row.name ? offer.value : row.value;
    const options = offered(row).map(choice =>
      element(
        'option',
        {
          value: choice.value,
          selected: choice.value === value,
          disabled: Boolean(choice.why) && choice.value !== row.value
        },
        label(choice)
      )
    );
    return element(
      'select',
      {
        ...described(row),
        onpointerdown: () => {
          lastKey = '';
        },
        onkeydown: event => {
          lastKey = /** @type {KeyboardEvent} */ (event).key;
          if (lastKey === 'Enter') {
            take();
          } else if (lastKey === 'Escape') {
            offer = null;
            draw();
          }
        },
        onkeyup: () => {
          lastKey = '';
        },
        onfocusout: take,
        onchange: event => {
          const { value: chosen } = /** @type {HTMLSelectElement} */ (event.target);
          if (!acts()) {
            draw(); // back to what is written
          } else if (isMove(lastKey)) {
            offer = chosen === row.value ? null : { name: row.name, value: chosen };
            draw();
          } else {
            write(row.name, chosen);
          }
        }
      },
      ...options
    );
  }

  /** @param {Row} row */
  function field(row) {
    const text = typed?.name === row.name ? typed.text : row.value;
    return element('input', {
      ...described(row),
      value: text,
      size: 8,
      class: isSmallNumber(text) ? null : 'dl-wrong',
      oninput: event => {
        typed = { name: row.name, text: /** @type {HTMLInputElement} */ (event.target).value };
        draw();
      },
      onchange: () => {
        const { text: value } = typed ?? { text: row.value };
        typed = null;
        if (acts() && isSmallNumber(value)) {
          write(row.name, value);
          return;
        }
        complaint = acts()
          ? `${row.name} = ${value} was not written: it must be a small positive number.`
          : `${row.name} = ${value} was not written.`;
        draw();
      }
    });
  }

  /** @param {Row} row */
  function described(row) {
    return {
      'data-key': row.name,
      'aria-label': row.name,
      'aria-describedby': `${id}-${row.name}`,
      'aria-disabled': acts() ? null : 'true'
    };
  }

  /** What is said beside an input of a value that is not written. @param {Row} row */
  function beside(row) {
    if (asked?.name === row.name && waits()) {
      return kernel.why() ? `${asked.value} was not written` : `${asked.value}: not written yet`;
    }
    if (offer?.name === row.name) {
      return `${offer.value} is not written: Enter writes it, Esc keeps ${row.value}`;
    }
    return row.now ? `this kernel still has ${row.now}` : '';
  }

  /** @param {Row} row */
  function line(row) {
    return element(
      'tr',
      { 'data-key': row.name },
      element('th', { scope: 'row', class: 'dl-name' }, row.name.replaceAll('_', ' ')),
      element('td', { 'data-key': 'input' }, row.choices.length ? list(row) : field(row)),
      element(
        'td',
        { class: 'dl-source', 'data-key': 'source' },
        row.source,
        element(
          'div',
          { class: 'dl-later', id: `${id}-${row.name}`, role: 'status' },
          beside(row)
        )
      )
    );
  }

  function sides() {
    const buttons = Object.entries(SIDES).map(([where, text]) =>
      button(text, { can: acts(), pressed: model.get('where') === where }, () =>
        send({ action: 'go', where })
      )
    );
    return element('div', { class: 'dl-sides', role: 'group', 'aria-label': 'Where' }, ...buttons);
  }

  function table() {
    const heads = ['setting', 'in a new kernel', 'source'].map(text =>
      element('th', { scope: 'col' }, text)
    );
    return element(
      'table',
      { 'aria-label': 'Settings' },
      element('thead', {}, element('tr', {}, ...heads)),
      element('tbody', {}, ...model.get('rows').map(line))
    );
  }

  // JupyterLab restarts it; a kernel that ends by itself would be reported as dead.
  const restartKernel = () =>
    model.widget_manager?.kernel?.restart?.() ?? send({ action: 'restart' });

  function buttons() {
    const text = 'Restart the kernel (its variables are lost)';
    const undo = button('Undo', { can: acts() && model.get('can_undo') }, () =>
      send({ action: 'undo' })
    );
    const restart =
      model.get('needs_restart') &&
      button(text, { can: acts(), key: 'restart' }, restartKernel);
    return element('div', { class: 'dl-buttons', 'data-key': 'buttons' }, undo, restart);
  }

  function draw() {
    const waiting =
      sent > model.get('received') &&
      !kernel.why() &&
      'Waiting for the kernel: it may be running a cell.';
    /** @type {string[]} */
    const remarks = model.get('remarks');
    redraw(el, [
      element('div', { class: 'dl-gone', role: 'alert', 'data-key': 'gone' }, kernel.why()),
      sides(),
      element('p', { class: 'dl-title' }, model.get('title')),
      ...(model.get('rows').length ? [table()] : []),
      ...remarks.map(text => element('p', { class: 'dl-remark', 'data-key': text }, text)),
      element(
        'div',
        { class: 'dl-note', role: 'status', 'data-key': 'note' },
        waiting || complaint || model.get('note')
      ),
      buttons()
    ]);
  }

  draw();
  return kernel.close;
}

export default { render };
