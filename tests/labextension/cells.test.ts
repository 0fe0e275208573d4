import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadingCells, placedCell } from '../../labextension/src/commands/cells';
import { listing } from './answers';

test('a notebook is led to the place of the panel before a cell acts there', () => {
  const { place } = listing();
  const stop = '%aws_stop i-00000000000000001';

  assert.equal(placedCell(stop, { ...place, own: false, cell: '' }), stop);
  assert.equal(placedCell(stop, place), `%practice on\n%aws_region us-east-1\n${stop}`);
});

test('a cell magic is not in the cell that loads the magics', () => {
  const load = '%load_ext dl_magics';

  assert.deepEqual(loadingCells('%aws_list'), [`${load}\n%aws_list`]);
  assert.deepEqual(loadingCells('%%finetune data'), [load, '%%finetune data']);
});
