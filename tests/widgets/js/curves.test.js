import assert from 'node:assert/strict';
import test from 'node:test';

import { load } from './load.js';

const { bestOf, firstUnfrozen, lastEpoch, series, ticks } = await load('curves.js');

const epoch = (number, logs, best = false) => ({ epoch: number, logs, best });

test('ticks are round, ascending and few, and cover the range', () => {
  for (const [low, high] of [[0, 1], [0.31, 0.98], [0, 2.3], [5, 5], [0, 0], [1e-6, 3e-6], [-2, 800]]) {
    const marks = ticks(low, high);

    assert.ok(marks[0] <= low && marks.at(-1) >= high, `${low} ${high}: ${marks}`);
    assert.ok(marks.every((mark, at) => at === 0 || mark > marks[at - 1]));
    assert.ok(marks.length >= 2 && marks.length <= 7, `${marks}`);
  }
});

test('a value that is not finite is left out of a curve', () => {
  const epochs = [epoch(1, { loss: 2 }), epoch(2, { loss: NaN }), epoch(3, { loss: 1 }), epoch(4, {})];

  assert.deepEqual(series(epochs, 'loss'), [
    { epoch: 1, value: 2 },
    { epoch: 3, value: 1 }
  ]);
});

test('the best epoch is the last one marked best', () => {
  const epochs = [epoch(1, {}, true), epoch(2, {}, true), epoch(3, {})];

  assert.equal(bestOf(epochs).epoch, 2);
  assert.equal(bestOf([]), undefined);
});

test('the curves continue behind a line where layers of the network begin to be trained', () => {
  const head = { ...epoch(1, {}), phase: 'head' };
  const later = [2, 3].map(number => ({ ...epoch(number, {}), phase: 'unfrozen' }));

  assert.equal(firstUnfrozen([head, ...later]), 2);
  assert.equal(firstUnfrozen([head]), undefined);
  assert.equal(firstUnfrozen([epoch(1, {})]), undefined);
});

test('the horizontal axis ends at the requested epochs or a little after the curve', () => {
  assert.equal(lastEpoch(5, 1), 5);
  assert.equal(lastEpoch(1, 1), 2);
  assert.equal(lastEpoch(3000, 1), 10);
  assert.equal(lastEpoch(3000, 14), 32);
  assert.equal(lastEpoch(3000, 3000), 3000);
});
