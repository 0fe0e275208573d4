/**
 * `%manage_aws`: a table of instances. Each action is confirmed once, numbered, and shown as
 * waiting until the kernel has received it.
 *
 * @typedef {{id: string, name: string, state: string, type: string, gpu: string,
 *   ip: string | null, price: string, disk: string, dollars_per_hour: number | null,
 *   seconds: number}} Row
 * @typedef {'start' | 'stop' | 'connect' | 'resize'} Action
 * @typedef {{get: (name: string) => any, on: (events: string, draw: () => void) => void,
 *   off: (events: string, draw: () => void) => void, send: (content: object) => void}} Model
 */

/** @type {Record<Action, string[]>} */
const CAN = {
  start: ['stopped'],
  stop: ['pending', 'running'],
  connect: ['running'],
  resize: ['stopped', 'running']
};
const HEADS = ['name', 'state', 'type', 'address', 'price', 'cost since start', ''];
const COST = HEADS.indexOf('cost since start');
const NEWS = 'change:summary change:received change:notes change:types';
const LEAST_SECONDS = 60;

/**
 * Return what an instance has cost since its start.
 *
 * @param {Row} row
 * @param {number} later seconds since the row was read
 */
export function cost(row, later) {
  if (row.dollars_per_hour === null) {
    return 'unknown';
  }
  if (!['pending', 'running'].includes(row.state)) {
    return '$0.00';
  }
  const dollars = (row.dollars_per_hour * Math.max(row.seconds + later, LEAST_SECONDS)) / 3600;
  return `$${dollars.toFixed(dollars < 0.1 ? 4 : 2)}`;
}

/**
 * Return the question that confirms an action, with its cost.
 *
 * @param {Row} row
 * @param {Action} action
 * @param {string} type
 * @param {Record<string, string>} types
 */
export function question(row, action, type, types) {
  if (action === 'start') {
    return `Start ${row.name}: ${row.price}`;
  }
  if (action === 'stop') {
    return `Stop ${row.name}: its disk still costs ${row.disk}`;
  }
  return type ? `Change ${row.name} to ${type} (${types[type] ?? 'price unknown'} while it runs)` : '';
}

/**
 * @param {string} tag
 * @param {string} [text]
 * @param {string} [name]
 */
function element(tag, text = '', name = '') {
  const made = document.createElement(tag);
  made.textContent = text;
  made.className = name;
  return made;
}

/**
 * @param {string} text
 * @param {() => void} action
 */
function button(text, action) {
  const made = /** @type {HTMLButtonElement} */ (element('button', text, 'dl-button'));
  made.addEventListener('click', action);
  return made;
}

/**
 * Return a table cell with a text and a smaller one below it.
 *
 * @param {string[]} texts
 */
function two([text = '', more = '']) {
  const made = element('td', text);
  if (more) {
    made.append(element('small', more));
  }
  return made;
}

/**
 * Return a table row with one cell as wide as the table.
 *
 * @param {HTMLElement} content
 */
function below(content) {
  const cell = document.createElement('td');
  cell.colSpan = HEADS.length;
  cell.append(content);
  const line = element('tr', '', 'dl-below');
  line.append(cell);
  return line;
}

/** @param {{model: Model, el: HTMLElement}} context */
function render({ model, el }) {
  el.classList.add('dl-instances');
  /** @type {Map<number, string>} */
  const waiting = new Map();
  /** @type {{id: string, action: Action} | null} */
  let asking = null;
  let chosen = '';
  let shownAt = Date.now();
  let sent = model.get('received');

  const later = () => (Date.now() - shownAt) / 1000;

  /**
   * @param {Row} row
   * @param {Action} action
   */
  function send(row, action) {
    asking = null;
    sent += 1;
    if (action !== 'connect') {
      waiting.set(sent, row.id);
    }
    model.send({ n: sent, id: row.id, action, type: chosen });
    draw();
  }

  /** @param {{id: string, action: Action} | null} about */
  function ask(about) {
    asking = about;
    chosen = '';
    draw();
  }

  /** @param {Record<string, string>} types */
  function list(types) {
    const made = document.createElement('select');
    made.append(new Option('Select a type', ''), ...Object.keys(types).map(type => new Option(type)));
    made.value = chosen;
    made.addEventListener('change', () => {
      chosen = made.value;
      draw();
    });
    return made;
  }

  /**
   * @param {Row} row
   * @param {Action} action
   * @param {Record<string, string>} types
   */
  function asked(row, action, types) {
    const box = element('span', '', 'dl-asked');
    const yes = button('Yes', () => send(row, action));
    yes.disabled = action === 'resize' && !chosen;
    box.append(
      ...(action === 'resize' ? [list(types)] : []),
      element('span', question(row, action, chosen, types)),
      yes,
      button('No', () => ask(null))
    );
    return box;
  }

  /**
   * @param {Row} row
   */
  function buttons(row) {
    return /** @type {Action[]} */ (Object.keys(CAN)).map(action => {
      const label = action[0].toUpperCase() + action.slice(1);
      const made = button(label, () =>
        action === 'connect' ? send(row, action) : ask({ id: row.id, action })
      );
      made.disabled = !CAN[action].includes(row.state) || asking?.id === row.id;
      return made;
    });
  }

  /** @param {Row} row */
  function lines(row) {
    const line = element('tr');
    const price = [row.price, `disk ${row.disk}`];
    const cells = [[row.name], [row.state], [row.type, row.gpu], [row.ip ?? ''], price];
    line.append(...[...cells, [cost(row, later())], []].map(two));
    line.children[1].classList.add(`dl-${row.state}`);
    /** @type {HTMLElement} */ (line.children[COST]).dataset.id = row.id;
    line.lastElementChild?.append(...buttons(row));
    const question = asking?.id === row.id ? [asked(row, asking.action, model.get('types'))] : [];
    const waits = [...waiting.values()].includes(row.id);
    const note = waits
      ? 'Waiting for the kernel: a cell may be running.'
      : model.get('notes')[row.id];
    const notes = note ? [element('span', note, 'dl-note')] : [];
    return [line, ...[...question, ...notes].map(below)];
  }

  function draw() {
    for (const n of waiting.keys()) {
      if (n <= model.get('received')) {
        waiting.delete(n);
      }
    }
    const head = element('tr');
    head.append(...HEADS.map(name => element('th', name)));
    const table = element('table');
    table.append(head, ...model.get('rows').flatMap(lines));
    el.replaceChildren(element('p', model.get('notes')[''] ?? model.get('summary')), table);
  }

  function tick() {
    for (const row of model.get('rows')) {
      const cell = el.querySelector(`[data-id="${row.id}"]`);
      if (cell) {
        cell.textContent = cost(row, later());
      }
    }
  }

  // A question stays as it is until it is answered; the kernel checks the state anyway.
  function news() {
    if (!asking) {
      draw();
    }
  }

  function fresh() {
    shownAt = Date.now();
    news();
  }

  model.on('change:rows', fresh);
  model.on(NEWS, news);
  const clock = setInterval(tick, 1000);
  draw();
  return () => {
    clearInterval(clock);
    model.off('change:rows', fresh);
    model.off(NEWS, news);
  };
}

export default { render };
