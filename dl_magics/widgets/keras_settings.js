/**
 * `%keras_settings`: one input for each setting. Each click is numbered; the form is disabled until
 * the kernel has received it.
 *
 * @typedef {{value: string, why: string}} Choice
 * @typedef {{name: string, value: string, source: string, now: string, choices: Choice[]}} Row
 * @typedef {{get: (name: string) => any, on: (events: string, draw: () => void) => void,
 *   off: (events: string, draw: () => void) => void, send: (content: object) => void}} Model
 */

const NEWS =
  'change:rows change:title change:remarks change:note change:received change:where ' +
  'change:can_undo change:needs_restart';
const SIDES = { local: 'This computer', remote: 'Instance' };

/**
 * The text of an option: its value, and the reason it cannot be selected.
 *
 * @param {Choice} choice
 */
export function label(choice) {
  return choice.why ? `${choice.value} (${choice.why})` : choice.value;
}

/**
 * The choices of a row; an unknown current value comes first, so that it can be shown.
 *
 * @param {Row} row
 * @returns {Choice[]}
 */
export function offered(row) {
  const known = row.choices.some(choice => choice.value === row.value);
  return known ? row.choices : [{ value: row.value, why: '' }, ...row.choices];
}

/**
 * Whether a text is a positive number, as Keras requires for epsilon.
 *
 * @param {string} text
 */
export function isSmallNumber(text) {
  const number = Number(text);
  return text.trim() !== '' && Number.isFinite(number) && number > 0;
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

/** @param {{model: Model, el: HTMLElement}} context */
function render({ model, el }) {
  el.classList.add('dl-keras');
  let sent = model.get('received');

  const waits = () => sent > model.get('received');

  /** @param {object} click */
  function send(click) {
    sent += 1;
    model.send({ n: sent, ...click });
    draw();
  }

  /**
   * @param {string} text
   * @param {boolean} can
   * @param {() => void} action
   */
  function button(text, can, action) {
    const made = /** @type {HTMLButtonElement} */ (element('button', text, 'dl-button'));
    made.disabled = !can || waits();
    made.addEventListener('click', action);
    return made;
  }

  /** @param {Row} row */
  function list(row) {
    const made = document.createElement('select');
    for (const choice of offered(row)) {
      const option = new Option(label(choice), choice.value);
      option.disabled = Boolean(choice.why);
      made.append(option);
    }
    made.value = row.value;
    made.addEventListener('change', () =>
      send({ action: 'write', name: row.name, value: made.value })
    );
    return made;
  }

  /** @param {Row} row */
  function field(row) {
    const made = document.createElement('input');
    made.value = row.value;
    made.size = 8;
    made.addEventListener('input', () => {
      made.classList.toggle('dl-wrong', !isSmallNumber(made.value));
    });
    made.addEventListener('change', () => {
      if (isSmallNumber(made.value)) {
        send({ action: 'write', name: row.name, value: made.value });
      }
    });
    return made;
  }

  /** @param {Row} row */
  function line(row) {
    const made = element('tr');
    const choice = row.choices.length ? list(row) : field(row);
    choice.disabled = waits();
    choice.setAttribute('aria-label', row.name);
    const cell = element('td');
    cell.append(choice);
    const source = element('td', row.source, 'dl-source');
    if (row.now) {
      source.append(element('div', `this kernel still has ${row.now}`, 'dl-later'));
    }
    made.append(element('td', row.name.replaceAll('_', ' '), 'dl-name'), cell, source);
    return made;
  }

  function sides() {
    const made = element('div', '', 'dl-sides');
    for (const [where, text] of Object.entries(SIDES)) {
      const each = button(text, true, () => send({ action: 'go', where }));
      each.setAttribute('aria-pressed', String(model.get('where') === where));
      made.append(each);
    }
    return made;
  }

  function table() {
    const made = element('table');
    const head = element('tr');
    head.append(...['setting', 'in a new kernel', 'source'].map(text => element('th', text)));
    made.append(head, ...model.get('rows').map(line));
    return made;
  }

  function draw() {
    const active = /** @type {HTMLElement | null} */ (document.activeElement);
    const typing = active?.tagName === 'INPUT' && el.contains(active) && !waits();
    if (typing) {
      return;
    }
    const buttons = element('div', '', 'dl-buttons');
    buttons.append(button('Undo', model.get('can_undo'), () => send({ action: 'undo' })));
    if (model.get('needs_restart')) {
      const text = 'Restart the kernel (its variables are lost)';
      buttons.append(button(text, true, () => send({ action: 'restart' })));
    }
    const note = waits() ? 'Waiting for the kernel: it may be running a cell.' : model.get('note');
    const remarks = model
      .get('remarks')
      .map((/** @type {string} */ text) => element('p', text, 'dl-remark'));
    el.replaceChildren(
      sides(),
      element('p', model.get('title'), 'dl-title'),
      ...(model.get('rows').length ? [table()] : []),
      ...remarks,
      ...(note ? [element('p', note, 'dl-note')] : []),
      buttons
    );
  }

  model.on(NEWS, draw);
  draw();
  return () => model.off(NEWS, draw);
}

export default { render };
