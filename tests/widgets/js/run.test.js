import assert from 'node:assert/strict';
import test from 'node:test';

import { load } from './load.js';

const { describeBest, describePhase, duration } = await load('run.js');

test('durations are formatted with at most two units', () => {
  assert.deepEqual([0, 59.4, 60, 3599, 3600, 7260].map(duration), [
    '0 s',
    '59 s',
    '1 min 0 s',
    '59 min 59 s',
    '1 h 0 min',
    '2 h 1 min'
  ]);
});

test('the phase is described with its speed while a run goes on', () => {
  const going = { status: 'running', phase: 'features', unit: 'images', done: 320, total: 1119 };

  assert.equal(describePhase(going), 'features: 320 of 1,119 images');
  assert.equal(
    describePhase({ ...going, images_per_second: 21.5, seconds_left: 37, seconds: 15, cost: '$0.01' }),
    'features: 320 of 1,119 images · 21.5 images/s · 37 s left · 15 s $0.01 so far'
  );
});

test('the best epoch has a balanced accuracy where the classes are uneven', () => {
  const logs = { val_loss: 0.25, val_accuracy: 0.9, loss: 0.1 };

  assert.equal(describeBest(undefined), '');
  assert.equal(
    describeBest({ epoch: 3, best: true, logs }),
    'Best so far: epoch 3, val_accuracy 0.9000, val_loss 0.2500'
  );
  assert.equal(
    describeBest({ epoch: 3, best: true, logs: { ...logs, val_balanced_accuracy: 0.65 } }),
    'Best so far: epoch 3, val_accuracy 0.9000, val_balanced_accuracy 0.6500, val_loss 0.2500'
  );
});

test('after the end of a run its phase says what is still waited for', () => {
  const ended = { phase: 'evaluate', unit: 'images', done: 0, total: 12, images_per_second: 20.9 };

  const copying = 'copying 61.3 MB of results from gpu, then checking them';

  assert.equal(describePhase({ ...ended, status: 'done' }), 'done');
  assert.equal(describePhase({ ...ended, status: 'done', copying }), `done: ${copying}`);
  assert.equal(describePhase({ ...ended, status: 'failed' }), 'failed');
});
