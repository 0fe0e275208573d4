import assert from 'node:assert/strict';
import test from 'node:test';

import { load } from './load.js';

const { describeCell, nextCell, strength } = await load('confusion.js');

test('a cell is coloured by the root of its share of the row', () => {
  assert.deepEqual([0, 1, 4].map(each => strength(each, [0, 0, 4])), [0, 23, 45]);
  assert.equal(strength(0, [0, 0]), 0);
});

test('a cell is described for who does not see the table', () => {
  assert.equal(describeCell(1, 'cats', 'dogs'), '1 image of cats, predicted dogs');
  assert.equal(describeCell(1200, 'cats', 'cats'), '1,200 images of cats, predicted right');
  assert.equal(describeCell(0, 'cats', 'dogs'), 'no image of cats, predicted dogs');
});

test('the arrow keys pass over cells without images and stay at the edge', () => {
  const rows = [
    [5, 0, 2],
    [0, 0, 1],
    [3, 0, 0]
  ];
  assert.deepEqual(nextCell(rows, [0, 0], [0, 1]), [0, 2]);
  assert.deepEqual(nextCell(rows, [0, 0], [1, 0]), [2, 0]);
  assert.deepEqual(nextCell(rows, [0, 2], [0, 1]), [0, 2]);
  assert.deepEqual(nextCell(rows, [1, 2], [0, -1]), [1, 2]);
});
