/**
 * `%manage_aws`: a table of instances. Each action is confirmed once, numbered, and shown as
 * waiting until the kernel has received it.
 *
 * @typedef {import('./base.js').Model} Model
 * @typedef {import('./instance_actions.js').Row} Row
 * @typedef {import('./instance_actions.js').Action} Action
 */

import { button, element, prepare, redraw, watchKernel } from './base.js';
import {
  CAN,
  UNASKED,
  cost,
  label,
  optionText,
  question,
  waitingNote
} from './instance_actions.js';

const HEADS = ['name', 'state', 'type', 'address', 'price', 'cost since start', 'actions'];
const TRAITS = ['summary', 'received', 'notes', 'types'];

/**
 * Return a table cell: its column's name is shown in front of it where the table is narrow.
 *
 * @param {string} head
 * @param {string} name
 * @param {string[]} texts
 */
function cell(head, name, [text = '', more = '']) {
  const attributes = { role: 'cell', class: name || null, 'data-key': head, 'data-head': head };
  return element('td', attributes, text, more && element('small', {}, more));
}

/**
 * Return a table row with one cell as wide as the table.
 *
 * @param {string} key
 * @param {HTMLElement} content
 */
function below(key, content) {
  const wide = element('td', { role: 'cell', colspan: HEADS.length }, content);
  return element('tr', { role: 'row', class: 'dl-below', 'data-key': key }, wide);
}

/** @param {{model: Model, el: HTMLElement}} context */
function render({ model, el }) {
  prepare(el, 'dl-instances', 'Instances');
  /** @type {Map<number, {id: string, action: Action}>} */
  const waiting = new Map();
  /** @type {{id: string, action: Action} | null} */
  let asking = null;
  let chosen = '';
  let shownAt = Date.now();
  let sent = model.get('received');
  const kernel = watchKernel(model, draw, TRAITS);

  const later = () => (Date.now() - shownAt) / 1000;

  /**
   * @param {string} id
   * @param {string} key
   */
  function focus(id, key) {
    const found = el.querySelector(`[data-row="${CSS.escape(id)}"] [data-key="${key}"]`);
    /** @type {HTMLElement | null} */ (found)?.focus();
  }

  /**
   * @param {Row} row
   * @param {Action} action
   */
  function send(row, action) {
    sent += 1;
    if (action !== 'connect') {
      waiting.set(sent, { id: row.id, action });
    }
    model.send({ n: sent, id: row.id, action, type: chosen });
    close();
  }

  /** @param {{id: string, action: Action}} about */
  function ask(about) {
    asking = about;
    chosen = '';
    draw();
    focus(about.id, about.action === 'resize' ? 'type' : 'No');
  }

  function close() {
    const was = asking;
    asking = null;
    draw();
    if (was) {
      focus(was.id, label(was.action));
    }
  }

  /**
   * @param {Row} row
   * @param {Record<string, string>} types
   */
  function list(row, types) {
    const names = ['', ...Object.keys(types)];
    const options = names.map(type =>
      element('option', { value: type, selected: type === chosen }, optionText(type, types))
    );
    return element(
      'select',
      {
        'data-key': 'type',
        'aria-label': `New type of ${row.name}`,
        onchange: (/** @type {Event} */ event) => {
          chosen = /** @type {HTMLSelectElement} */ (event.target).value;
          draw();
        }
      },
      ...options
    );
  }

  /**
   * @param {Row} row
   * @param {Action} action
   * @param {Record<string, string>} types
   */
  function asked(row, action, types) {
    const text = question(row, action, chosen, types, model.get('account'));
    const can = !kernel.why() && (action !== 'resize' || Boolean(chosen));
    return element(
      'div',
      {
        class: 'dl-asked',
        role: 'group',
        'aria-label': `Confirm: ${action} ${row.name}`,
        'data-row': row.id,
        onkeydown: (/** @type {Event} */ event) => {
          if (/** @type {KeyboardEvent} */ (event).key === 'Escape') {
            close();
          }
        }
      },
      action === 'resize' && list(row, types),
      element('span', { role: 'status' }, text),
      button('Yes', { can, label: text && `Yes: ${text}` }, () => send(row, action)),
      button('No', {}, close)
    );
  }

  /** @param {Row} row */
  function buttons(row) {
    const made = /** @type {Action[]} */ (Object.keys(CAN)).map(action => {
      const can = !kernel.why() && CAN[action].includes(row.state) && asking?.id !== row.id;
      return button(label(action), { can, label: `${label(action)} ${row.name}` }, () =>
        UNASKED.includes(action) ? send(row, action) : ask({ id: row.id, action })
      );
    });
    return element('td', { role: 'cell', class: 'dl-actions', 'data-key': 'actions' }, ...made);
  }

  /** @param {Row} row */
  function lines(row) {
    const line = element(
      'tr',
      { role: 'row', 'data-key': row.id, 'data-row': row.id },
      cell('name', 'dl-name', [row.name]),
      cell('state', `dl-state dl-${row.state}`, [row.state]),
      cell('type', '', [row.type, row.gpu]),
      cell('address', '', [row.ip ?? '']),
      cell('price', '', [row.price, `disk ${row.disk}`, `this month ${row.month}`]),
      cell('cost since start', 'dl-cost', [cost(row, later())]),
      buttons(row)
    );
    const waits = [...waiting.values()].find(each => each.id === row.id);
    const note = waits ? waitingNote(row, waits.action, !kernel.why()) : model.get('notes')[row.id];
    return [
      line,
      ...(asking?.id === row.id
        ? [below(`${row.id} asked`, asked(row, asking.action, model.get('types')))]
        : []),
      ...(note
        ? [below(`${row.id} note`, element('div', { class: 'dl-note', role: 'status' }, note))]
        : [])
    ];
  }

  function draw() {
    for (const n of waiting.keys()) {
      if (n <= model.get('received')) {
        waiting.delete(n);
      }
    }
    const heads = HEADS.map(name => element('th', { role: 'columnheader', scope: 'col' }, name));
    redraw(el, [
      element('div', { class: 'dl-gone', role: 'alert', 'data-key': 'gone' }, kernel.why()),
      element('p', { role: 'status' }, model.get('notes')[''] ?? model.get('summary')),
      element(
        'table',
        { role: 'table', 'aria-label': 'Instances' },
        element('thead', { role: 'rowgroup' }, element('tr', { role: 'row' }, ...heads)),
        element('tbody', { role: 'rowgroup' }, ...model.get('rows').flatMap(lines))
      )
    ]);
  }

  function tick() {
    if (kernel.why()) {
      return; // the cost is not known any more
    }
    for (const row of model.get('rows')) {
      const shown = el.querySelector(`tr[data-row="${CSS.escape(row.id)}"] .dl-cost`);
      if (shown?.firstChild) {
        shown.firstChild.nodeValue = cost(row, later());
      }
    }
  }

  function fresh() {
    shownAt = Date.now();
    draw();
  }

  model.on('change:rows', fresh);
  const clock = setInterval(tick, 1000);
  draw();
  return () => {
    clearInterval(clock);
    kernel.close();
    model.off('change:rows', fresh);
  };
}

export default { render };
