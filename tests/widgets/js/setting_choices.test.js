import assert from 'node:assert/strict';
import test from 'node:test';

import { load } from './load.js';

const module = await load('setting_choices.js');
const { isMove, isSmallNumber, label, offered } = module;

const choices = [
  { value: 'tensorflow', why: '' },
  { value: 'jax', why: 'not installed' }
];

test('an unavailable choice shows the reason', () => {
  assert.deepEqual(choices.map(label), ['tensorflow', 'jax (not installed)']);
});

test('an unknown value is listed unchanged', () => {
  const shown = offered({ name: 'backend', value: 'cntk', source: '', now: '', choices });

  assert.deepEqual(
    shown.map(each => each.value),
    ['cntk', 'tensorflow', 'jax']
  );
});

test('a known value is listed once', () => {
  assert.equal(offered({ name: 'backend', value: 'jax', source: '', now: '', choices }), choices);
});

test('epsilon must be a small positive number', () => {
  assert.deepEqual(['1e-7', '0.5', '0', '-1', 'x', '', 'Infinity'].map(isSmallNumber), [
    ...[true, true],
    ...[false, false, false, false, false]
  ]);
});

test('arrow keys and letters go through a closed list, other keys choose from it', () => {
  assert.deepEqual(['ArrowDown', 'End', 't'].map(isMove), [true, true, true]);
  assert.deepEqual(['', 'Enter', ' ', 'Tab', 'Escape'].map(isMove), Array(5).fill(false));
});
