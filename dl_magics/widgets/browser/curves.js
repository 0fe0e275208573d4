/**
 * The curves of a run. They are SVG: they follow the theme of the page and need no library.
 *
 * @typedef {{epoch: number, phase?: string, logs: Record<string, number>, best: boolean}} Epoch
 */

const SVG = 'http://www.w3.org/2000/svg';
const WIDTH = 300;
const HEIGHT = 150;
const EDGE = { left: 44, right: 10, top: 22, bottom: 22 };
const MOST_DOTS = 40;

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
 * The first epoch in which layers of the network were trained, if it is not the first of all.
 *
 * @param {Epoch[]} epochs
 */
export function firstUnfrozen(epochs) {
  const first = epochs.find(each => each.phase === 'unfrozen');
  return first && first.epoch > 1 ? first.epoch : undefined;
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
 * Return one chart: a metric of the training and of the validation images, by epoch.
 *
 * @param {string} name
 * @param {Epoch[]} epochs
 * @param {number} asked
 */
export function drawCurves(name, epochs, asked) {
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
  const unfrozen = firstUnfrozen(epochs);
  if (unfrozen) {
    const between = x(unfrozen - 0.5);
    const border = { x1: between, x2: between, y1: EDGE.top, y2: HEIGHT - EDGE.bottom };
    const line = shape('line', { ...border, class: 'dl-grid dl-unfrozen' });
    line.append(shape('title', {}, `layers of the network are trained from epoch ${unfrozen} on`));
    svg.append(line);
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
