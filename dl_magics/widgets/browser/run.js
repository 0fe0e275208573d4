/**
 * The widget of a run: phase, progress bar, speed, curves, best epoch, Stop.
 *
 * @typedef {import('./base.js').Model} Model
 * @typedef {import('./curves.js').Epoch} Epoch
 */

import { button, element, prepare, redraw, watchKernel } from './base.js';
import { bestOf, drawCurves } from './curves.js';

const TRAITS = ['about', 'progress', 'epochs', 'notes', 'workers', 'stopping'];
// The second press ends a run at once: it must not be the end of a double click.
const AGAIN_SECONDS = 2;

/** @param {number} seconds */
export function duration(seconds) {
  const whole = Math.round(seconds);
  if (whole < 60) {
    return `${whole} s`;
  }
  if (whole < 3600) {
    return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  }
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** @param {Record<string, any>} progress */
function speed(progress) {
  const parts = [];
  if (progress.unit) {
    parts.push(`${progress.done.toLocaleString('en')} of ${progress.total.toLocaleString('en')} ${progress.unit}`);
  }
  if (progress.images_per_second) {
    parts.push(`${progress.images_per_second.toLocaleString('en', { maximumFractionDigits: 1 })} images/s`);
  }
  if (progress.seconds_left) {
    parts.push(`${duration(progress.seconds_left)} left`);
  }
  if (progress.seconds) {
    parts.push([duration(progress.seconds), progress.cost, 'so far'].filter(Boolean).join(' '));
  }
  return parts.join(' · ');
}

/**
 * Return what a run does. After its end on a host its files are still copied and its model is loaded
 * once; then the cell replaces the widget.
 *
 * @param {Record<string, any>} progress
 */
export function describePhase(progress) {
  const isOver = progress.status && progress.status !== 'running';
  return isOver ? [progress.status, progress.copying].filter(Boolean).join(': ') : [progress.phase, speed(progress)].filter(Boolean).join(': ');
}

/** @param {Epoch | undefined} best */
export function describeBest(best) {
  if (!best) {
    return '';
  }
  // The balanced accuracy is there where the classes are uneven.
  const shown = ['val_accuracy', 'val_balanced_accuracy', 'val_loss'].filter(name => name in best.logs);
  return [`Best so far: epoch ${best.epoch}`, ...shown.map(name => `${name} ${best.logs[name].toFixed(4)}`)].join(', ');
}

/**
 * The workers of a crew, one in a row.
 *
 * @param {Record<string, string>[]} workers
 */
function workerTable(workers) {
  const speed = workers.some(each => each.speed) ? { speed: 'Images/s' } : {};
  const columns = { images: 'Images', share: 'Share', ...speed, dollars: 'Cost' };
  const hasStates = workers.some(each => each.state);
  const heads = ['Worker', ...Object.values(columns)].map(head => element('th', { scope: 'col' }, head));
  const state = hasStates && element('th', { scope: 'col', class: 'dl-state' }, 'State');
  /** @param {Record<string, string>} each */
  const row = each =>
    element(
      'tr',
      { 'data-state': each.kind },
      element('th', { scope: 'row' }, each.name),
      ...Object.keys(columns).map(name => element('td', {}, each[name] || '–')),
      hasStates && element('td', { class: 'dl-state' }, each.state)
    );
  return element(
    'table',
    { class: 'dl-workers', 'aria-label': 'Workers', hidden: !workers.length },
    element('thead', {}, element('tr', {}, ...heads, state)),
    element('tbody', {}, ...workers.map(row))
  );
}

/**
 * Interrupt the kernel whose cell trains, or send a message if the widget only watches a run.
 *
 * @param {Model} model
 */
function stop(model) {
  const kernel = model.widget_manager?.kernel;
  if (kernel && !model.get('watches')) {
    void kernel.interrupt();
  } else {
    model.send({ type: 'stop' });
  }
}

/** @param {{model: Model, el: HTMLElement}} context */
function render({ model, el }) {
  prepare(el, 'dl-run', 'Run');
  const kernel = watchKernel(model, draw, TRAITS);
  let pressedAt = 0;
  let drawn = '';
  const charts = element('div', { class: 'dl-charts', 'data-key': 'charts' });

  function press() {
    pressedAt = Date.now();
    stop(model);
    draw();
    setTimeout(draw, AGAIN_SECONDS * 1000);
  }

  /** @param {boolean} ended */
  function stopButton(ended) {
    const isStopping = (pressedAt > 0 || model.get('stopping')) && !ended;
    if (!isStopping) {
      const kept = model.get('epochs').length ? ' and keep the best weights' : '; there are none yet';
      const label = `Stop at the next batch${kept}`;
      return button('Stop', { can: !ended && !kernel.why(), key: 'stop', name: 'dl-stop', label }, press);
    }
    const isSoon = Date.now() - pressedAt < AGAIN_SECONDS * 1000;
    const can = !isSoon && !model.get('watches') && !kernel.why();
    const label = 'Stop now, in the middle of a batch';
    return button(can ? 'Stop now' : 'Stopping…', { can, key: 'stop', name: 'dl-stop', label }, press);
  }

  /** Draw the curves again only where they changed. @param {Epoch[]} epochs @param {number} asked */
  function drawCharts(epochs, asked) {
    const state = JSON.stringify([epochs.length, epochs.at(-1), asked]);
    if (state !== drawn) {
      drawn = state;
      const names = epochs.length ? ['loss', 'accuracy'] : [];
      charts.replaceChildren(...names.map(name => drawCurves(name, epochs, asked)));
    }
  }

  function draw() {
    const [about, progress, epochs] = ['about', 'progress', 'epochs'].map(name => model.get(name));
    const ended = Boolean(progress.status) && progress.status !== 'running';
    if (ended) {
      pressedAt = 0; // an interrupted run may go on
    }
    drawCharts(epochs, about.epochs_asked);
    const title = [about.title, about.device, about.host].filter(Boolean).join(' · ');
    /** @type {string[]} */
    const notes = model.get('notes');
    redraw(top, [element('div', { class: 'dl-title' }, title), stopButton(ended)]);
    redraw(below, [
      element('div', { class: 'dl-gone', role: 'alert', 'data-key': 'gone' }, kernel.why()),
      element('div', { class: 'dl-stopping', role: 'status', 'data-key': 'stopping' }, stopping(ended)),
      element('div', { class: 'dl-phase', 'data-key': 'phase' }, describePhase(progress)),
      element('progress', {
        class: 'dl-bar',
        'aria-label': 'Progress of the phase',
        max: progress.total || null,
        value: progress.total ? (ended ? progress.total : progress.done) : null
      })
    ]);
    redraw(end, [
      workerTable(model.get('workers') ?? []),
      element('div', { class: 'dl-best' }, describeBest(bestOf(epochs))),
      element('ul', { class: 'dl-notes' }, ...notes.map(note => element('li', {}, note)))
    ]);
  }

  /** @param {boolean} ended */
  function stopping(ended) {
    return model.get('stopping') && !ended
      ? 'Stopping at the next batch. Stop again, or interrupt the kernel again, to end at once.'
      : '';
  }

  const top = element('div', { class: 'dl-top' });
  const below = element('div');
  const end = element('div');
  el.append(top, below, charts, end);
  draw();
  return kernel.close;
}

export default { render };
