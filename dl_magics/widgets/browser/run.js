/**
 * The widget of a run: phase, progress bar, speed, curves, best epoch, Stop.
 *
 * The curves are SVG: they follow the theme of the page and need no library.
 *
 * @typedef {import('./base.js').Model} Model
 * @typedef {{epoch: number, logs: Record<string, number>, best: boolean}} Epoch
 */

import { button, element, prepare, redraw, watchKernel } from './base.js';

const SVG = 'http://www.w3.org/2000/svg';
const WIDTH = 300;
const HEIGHT = 150;
const EDGE = { left: 44, right: 10, top: 22, bottom: 22 };
const MOST_DOTS = 40;
const NEWS = 'change:about change:progress change:epochs change:notes change:stopping';
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

/**
 * Three to six round numbers that cover a range.
 *
 * @param {number} low
 * @param {number} high
 */
export function ticks(low, high) {
  const span = high - low || Math.abs(high) || 1;
  const rough = span / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map(each => each * power).find(each => each >= rough) ?? span;
  const first = Math.floor(low / step + 1e-9);
  const last = Math.max(Math.ceil(high / step - 1e-9), first + 1);
  return Array.from({ length: last - first + 1 }, (_, at) =>
    Number(((first + at) * step).toPrecision(12))
  );
}

/**
 * The finite values of one metric, by epoch.
 *
 * @param {Epoch[]} epochs
 * @param {string} name
 */
export function series(epochs, name) {
  return epochs
    .map(each => ({ epoch: each.epoch, value: each.logs[name] }))
    .filter(each => Number.isFinite(each.value));
}

/**
 * The last epoch on the axis: the number of epochs asked for, but not many more than are done,
 * so that the curve stays readable.
 *
 * @param {number} asked
 * @param {number} done
 */
export function lastEpoch(asked, done) {
  return Math.max(2, done, Math.min(asked, Math.max(10, 2 ** Math.ceil(Math.log2(done * 1.25 || 1)))));
}

/** The last epoch that was the best so far. @param {Epoch[]} epochs */
export function bestOf(epochs) {
  return epochs.filter(each => each.best).at(-1);
}

/**
 * @param {string} kind
 * @param {Record<string, string | number>} attributes
 * @param {string} [text]
 */
function shape(kind, attributes, text) {
  const made = document.createElementNS(SVG, kind);
  for (const [name, value] of Object.entries(attributes)) {
    made.setAttribute(name, String(value));
  }
  if (text) {
    made.textContent = text;
  }
  return made;
}

/**
 * One chart: a metric of the training and of the validation images, by epoch.
 *
 * @param {string} name
 * @param {Epoch[]} epochs
 * @param {number} asked
 */
function chart(name, epochs, asked) {
  const lines = [
    { name, className: 'dl-train' },
    { name: `val_${name}`, className: 'dl-valid' }
  ].map(line => ({ ...line, points: series(epochs, line.name) }));
  const values = lines.flatMap(line => line.points.map(point => point.value));
  const marks = values.length ? ticks(Math.min(...values), Math.max(...values)) : [0, 1];
  const [low, high] = [marks[0], marks[marks.length - 1]];
  const last = lastEpoch(asked, epochs.length);
  const across = WIDTH - EDGE.left - EDGE.right;
  const down = HEIGHT - EDGE.top - EDGE.bottom;
  /** @param {number} epoch */
  const x = epoch => EDGE.left + ((epoch - 1) / (last - 1)) * across;
  /** @param {number} value */
  const y = value => EDGE.top + (1 - (value - low) / (high - low)) * down;

  const svg = shape('svg', {
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
    class: 'dl-chart',
    role: 'img',
    'aria-label': `${name} by epoch`
  });
  for (const mark of marks) {
    svg.append(
      shape('line', { x1: EDGE.left, x2: WIDTH - EDGE.right, y1: y(mark), y2: y(mark), class: 'dl-grid' }),
      shape('text', { x: EDGE.left - 5, y: y(mark) + 3, class: 'dl-tick dl-end' }, String(mark))
    );
  }
  for (const epoch of [1, last]) {
    svg.append(
      shape(
        'text',
        { x: x(epoch), y: HEIGHT - 6, class: `dl-tick ${epoch === 1 ? '' : 'dl-end'}` },
        String(epoch)
      )
    );
  }
  let at = EDGE.left;
  for (const line of lines) {
    const drawn = line.points.map(point => `${x(point.epoch)},${y(point.value)}`).join(' ');
    svg.append(shape('polyline', { points: drawn, class: `dl-line ${line.className}` }));
    for (const point of line.points.length > MOST_DOTS ? [] : line.points) {
      const dot = shape('circle', {
        cx: x(point.epoch),
        cy: y(point.value),
        r: 3,
        class: `dl-dot ${line.className}`
      });
      dot.append(shape('title', {}, `epoch ${point.epoch}: ${line.name} ${point.value.toFixed(4)}`));
      svg.append(dot);
    }
    svg.append(shape('text', { x: at, y: 12, class: `dl-name ${line.className}` }, line.name));
    at += line.name.length * 7 + 12;
  }
  return svg;
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

/** @param {Epoch | undefined} best */
function bestLine(best) {
  if (!best) {
    return '';
  }
  const { val_accuracy: accuracy, val_loss: loss } = best.logs;
  return `Best so far: epoch ${best.epoch}, val_accuracy ${accuracy.toFixed(4)}, val_loss ${loss.toFixed(4)}`;
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
  const kernel = watchKernel(model, draw);
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
      charts.replaceChildren(...names.map(name => chart(name, epochs, asked)));
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
    const phase = ended
      ? `${progress.status}: copying and checking the results`
      : [progress.phase, speed(progress)].filter(Boolean).join(': ');
    /** @type {string[]} */
    const notes = model.get('notes');
    redraw(top, [element('div', { class: 'dl-title' }, title), stopButton(ended)]);
    redraw(below, [
      element('div', { class: 'dl-gone', role: 'alert', 'data-key': 'gone' }, kernel.why()),
      element('div', { class: 'dl-stopping', role: 'status', 'data-key': 'stopping' }, stopping(ended)),
      element('div', { class: 'dl-phase', 'data-key': 'phase' }, phase),
      element('progress', {
        class: 'dl-bar',
        'aria-label': 'Progress of the phase',
        max: progress.total || null,
        value: progress.total ? (ended ? progress.total : progress.done) : null
      })
    ]);
    redraw(end, [
      element('div', { class: 'dl-best' }, bestLine(bestOf(epochs))),
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
  model.on(NEWS, draw);
  draw();
  return () => {
    kernel.close();
    model.off(NEWS, draw);
  };
}

export default { render };
