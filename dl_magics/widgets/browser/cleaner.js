/**
 * `%clean_images`: cards of doubtful images. The kernel moves the files; a card waits for it.
 *
 * @typedef {{path: string, name: string, label: string, why: string, done: string, picture: string}} Card
 */

import { button, element, prepare, redraw, watchKernel } from './base.js';

const MOST_BUTTONS = 3;
const TRAITS = ['cards', 'summary', 'note', 'left', 'can_undo', 'handled'];

/** @param {{model: import('./base.js').Model, el: HTMLElement}} context */
function render({ model, el }) {
  prepare(el, 'dl-cleaner', 'Images to clean');
  const kernel = watchKernel(model, draw, TRAITS);
  /** @type {Map<number, string>} the path of each click that was not handled yet */
  const waiting = new Map();
  let n = model.get('handled');

  /**
   * @param {string} action
   * @param {{path?: string, to?: string, label?: string}} [more]
   */
  function send(action, more = {}) {
    n = Math.max(n, model.get('handled')) + 1;
    waiting.set(n, more.path ?? '');
    model.send({ n, action, ...more });
    draw();
  }

  /** @param {Card} card */
  function actions(card) {
    const can = !kernel.why() && ![...waiting.values()].includes(card.path);
    if (card.done) {
      return [
        element('b', { class: 'dl-done' }, card.done),
        button('Undo', { can, label: `Undo: ${card.name}` }, () => send('undo', { path: card.path }))
      ];
    }
    return [
      button('Keep', { can, label: `Keep ${card.name}` }, () => send('keep', { path: card.path })),
      ...relabel(card, can),
      button('Quarantine', { can, label: `Quarantine ${card.name}` }, () =>
        send('quarantine', { path: card.path })
      )
    ];
  }

  /**
   * A button for each other class; of many, a list and a button, as arrow keys must not move a file.
   *
   * @param {Card} card
   * @param {boolean} can
   */
  function relabel(card, can) {
    /** @type {string[]} */
    const classes = model.get('classes');
    const others = classes.filter(each => each !== card.label);
    if (others.length <= MOST_BUTTONS) {
      return others.map(to =>
        button(`It is ${to}`, { can, label: `It is ${to}: ${card.name}` }, () =>
          send('relabel', { path: card.path, to })
        )
      );
    }
    const options = others.map(each => element('option', { value: each }, each));
    return [
      element(
        'select',
        { 'data-key': 'to', 'aria-label': `Class of ${card.name}` },
        element('option', { value: '' }, 'It is …'),
        ...options
      ),
      button('Move', { can, label: `Move ${card.name} to this class` }, () => {
        const list = el.querySelector(`figure[data-key="${CSS.escape(card.path)}"] select`);
        if (list instanceof HTMLSelectElement && list.value) {
          send('relabel', { path: card.path, to: list.value });
        }
      })
    ];
  }

  /** @param {Card} card */
  function figure(card) {
    const picture = card.picture
      ? element('img', { src: `data:image/jpeg;base64,${card.picture}`, alt: card.name })
      : element('div', { class: 'dl-missing' }, 'no picture');
    return element(
      'figure',
      { 'data-key': card.path, class: card.done ? 'dl-decided' : null },
      picture,
      element('figcaption', {}, element('span', {}, card.why), element('small', {}, card.name)),
      element('div', { class: 'dl-actions' }, ...actions(card))
    );
  }

  function draw() {
    for (const each of waiting.keys()) {
      if (each <= model.get('handled')) {
        waiting.delete(each);
      }
    }
    const can = !kernel.why();
    const left = model.get('left');
    const filters = ['', ...model.get('classes')].map(each =>
      button(
        each || 'all classes',
        { can, key: `class ${each}`, pressed: model.get('chosen') === each },
        () => send('choose', { label: each })
      )
    );
    redraw(el, [
      element('div', { class: 'dl-gone', role: 'alert', 'data-key': 'gone' }, kernel.why()),
      element('p', { role: 'status', 'data-key': 'summary' }, model.get('summary')),
      element(
        'div',
        { class: 'dl-bar', role: 'group', 'aria-label': 'Class', 'data-key': 'bar' },
        ...filters,
        button('Undo last', { can: can && model.get('can_undo') }, () => send('undo'))
      ),
      element('div', { class: 'dl-note', role: 'status', 'data-key': 'note' }, model.get('note')),
      element('div', { class: 'dl-cards', 'data-key': 'cards' }, ...model.get('cards').map(figure)),
      ...(left
        ? [button(`Show more (${left} left)`, { can, key: 'more' }, () => send('more'))]
        : [])
    ]);
  }

  draw();
  return kernel.close;
}

export default { render };
