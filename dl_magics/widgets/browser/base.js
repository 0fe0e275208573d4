/**
 * What all widgets share: elements that are redrawn in place, and whether their kernel still acts.
 *
 * @typedef {{connect: (slot: (sender: any, value: any) => void) => void,
 *   disconnect: (slot: (sender: any, value: any) => void) => void}} Signal
 * @typedef {{interrupt: () => Promise<void>, restart?: () => Promise<void>, status?: string,
 *   connectionStatus?: string, isDisposed?: boolean, statusChanged?: Signal, connectionStatusChanged?: Signal,
 *   disposed?: Signal}} Kernel
 * @typedef {{get: (name: string) => any, on: (event: string, draw: () => void) => void,
 *   off: (event: string, draw: () => void) => void, send: (content: object) => void,
 *   widget_manager?: {kernel?: Kernel | null}}} Model
 * @typedef {Record<string, string | number | boolean | EventListener | null | undefined>} Attributes
 */

const SILENT_SECONDS = 20;
const CONTROLS = ['button', 'input', 'select'];
const ENDED = ['restarting', 'autorestarting', 'terminating', 'dead'];

/**
 * Return an element. Of its attributes, a name that begins with `on` is a listener; a value of
 * false, null or undefined leaves the attribute out.
 *
 * @param {string} tag
 * @param {Attributes} [attributes]
 * @param {(Node | string | false | null | undefined)[]} content
 */
export function element(tag, attributes = {}, ...content) {
  const made = document.createElement(tag);
  if (CONTROLS.includes(tag)) {
    // JupyterLab's shortcuts would take the arrow keys, Enter and letters for the notebook.
    made.dataset.lmSuppressShortcuts = 'true';
  }
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') {
      Reflect.set(made, name, value);
    } else if (value !== false && value !== null && value !== undefined) {
      made.setAttribute(name, value === true ? '' : String(value));
    }
  }
  made.append(...content.filter(each => each !== false && each !== null && each !== undefined));
  return made;
}

const LISTENERS = /** @type {const} */ ([
  ...['onclick', 'onchange', 'oninput', 'onkeydown', 'onkeyup', 'onfocusout', 'onpointerdown']
]);

/**
 * Make the content of `parent` like `fresh`. Elements that are there stay, so that the focus, an
 * open list and a text that is being typed stay; `data-key` says which ones are the same.
 *
 * @param {Element} parent
 * @param {Iterable<Node>} fresh
 */
export function redraw(parent, fresh) {
  const left = [...parent.childNodes];
  const placed = [...fresh].map(wanted => {
    const at = left.findIndex(each => isSame(each, wanted));
    if (at < 0) {
      return wanted;
    }
    const [same] = left.splice(at, 1);
    adapt(same, wanted);
    return same;
  });
  left.forEach(each => each.remove());
  placed.forEach((each, at) => {
    if (parent.childNodes[at] !== each) {
      parent.insertBefore(each, parent.childNodes[at] ?? null);
    }
  });
}

/**
 * @param {Node} old
 * @param {Node} wanted
 */
function isSame(old, wanted) {
  /** @param {Node} each */
  const key = each => (each instanceof Element ? each.getAttribute('data-key') : null);
  return old.nodeName === wanted.nodeName && key(old) === key(wanted);
}

/**
 * @param {Node} old
 * @param {Node} wanted
 */
function adapt(old, wanted) {
  if (!(old instanceof Element) || !(wanted instanceof Element)) {
    if (old.nodeValue !== wanted.nodeValue) {
      old.nodeValue = wanted.nodeValue;
    }
    return;
  }
  for (const { name } of [...old.attributes].filter(each => !wanted.hasAttribute(each.name))) {
    old.removeAttribute(name);
  }
  for (const { name, value } of wanted.attributes) {
    if (old.getAttribute(name) !== value) {
      old.setAttribute(name, value);
    }
  }
  for (const name of LISTENERS) {
    Reflect.set(old, name, Reflect.get(wanted, name));
  }
  redraw(old, wanted.childNodes);
  if (hasValue(old) && hasValue(wanted) && old.value !== wanted.value) {
    old.value = wanted.value;
  }
}

/**
 * @param {Element} each
 * @returns {each is HTMLSelectElement | HTMLInputElement}
 */
function hasValue(each) {
  return each instanceof HTMLSelectElement || each instanceof HTMLInputElement;
}

/**
 * Return a button. A button that cannot be pressed keeps the focus.
 *
 * @param {string} text
 * @param {{can?: boolean, label?: string, key?: string, name?: string, pressed?: boolean}} how
 * @param {() => void} action
 */
export function button(text, { can = true, label, key = text, name = '', pressed }, action) {
  return element(
    'button',
    {
      type: 'button',
      class: `dl-button ${name}`.trim(),
      'data-key': key,
      'aria-label': label,
      'aria-disabled': can ? null : 'true',
      'aria-pressed': pressed === undefined ? null : String(pressed),
      onclick: () => {
        if (can) {
          action();
        }
      }
    },
    text
  );
}

/**
 * Prepare the element of a widget: its style and its name.
 *
 * @param {HTMLElement} el
 * @param {string} name
 * @param {string} label
 */
export function prepare(el, name, label) {
  el.classList.add('dl-widget', name);
  el.setAttribute('role', 'group');
  el.setAttribute('aria-label', label);
}

/**
 * Say why a widget's kernel does not act on it, and for how long.
 *
 * @param {{ended: boolean, connected: boolean, silent: boolean}} link
 * @param {string} again what to run to get the widget back
 */
export function explain({ ended, connected, silent }, again) {
  if (ended) {
    return `The kernel of this output was restarted or has ended: what is shown is old, and its buttons do nothing.\nTo get it back, run: ${again}`;
  }
  if (!connected) {
    return 'The connection to the kernel is lost; its buttons work again when it is back.';
  }
  return silent
    ? `No sign of life from the kernel for ${SILENT_SECONDS} s: what is shown may be old.\nIf the kernel was restarted, run: ${again}`
    : '';
}

/**
 * Watch the kernel of a widget: its status where the front end shows it, and else its `beat`.
 *
 * @param {Model} model
 * @param {() => void} changed called when `why` returns something else, or one of `traits` changes
 * @param {string[]} [traits]
 * @returns {{why: () => string, close: () => void}} why the kernel does not act, or ''
 */
export function watchKernel(model, changed, traits = []) {
  // One event each: only Backbone's models take several in one text.
  const news = traits.map(each => `change:${each}`);
  const kernel = model.widget_manager?.kernel;
  let ended = Boolean(kernel?.isDisposed);
  let heard = Date.now();
  let shown = '';

  const why = () =>
    explain(
      {
        ended,
        connected: !['connecting', 'disconnected'].includes(kernel?.connectionStatus ?? ''),
        silent: Date.now() - heard > SILENT_SECONDS * 1000
      },
      model.get('again')
    );

  function look() {
    if (why() !== shown) {
      shown = why();
      changed();
    }
  }

  function end() {
    ended = true;
    look();
  }

  function hear() {
    heard = Date.now();
    look();
  }

  /** @param {any} _ @param {string} status */
  function follow(_, status) {
    ended ||= ENDED.includes(status);
    look();
  }

  shown = why();
  news.forEach(each => model.on(each, changed));
  model.on('change:beat', hear);
  model.on('comm_live_update', end); // the only change after its creation: it is cut off
  kernel?.statusChanged?.connect(follow);
  kernel?.connectionStatusChanged?.connect(look);
  kernel?.disposed?.connect(end);
  const clock = setInterval(look, 1000);
  return {
    why,
    close: () => {
      clearInterval(clock);
      news.forEach(each => model.off(each, changed));
      model.off('change:beat', hear);
      model.off('comm_live_update', end);
      kernel?.statusChanged?.disconnect(follow);
      kernel?.connectionStatusChanged?.disconnect(look);
      kernel?.disposed?.disconnect(end);
    }
  };
}
