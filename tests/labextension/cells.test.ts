import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectCell } from '../../labextension/src/commands/cells';
import { instance, listing } from './answers';

test('a notebook is led to the place of the panel before it connects', () => {
  const { place } = listing();
  const table: [object, string][] = [
    [{ own: false }, '%gpu_connect gpu'],
    [{ own: true }, '%practice on\n%gpu_connect gpu'],
    [
      { own: true, practice: false, profile: 'work', region: 'eu-west-1' },
      '%aws_profile work\n%aws_region eu-west-1\n%gpu_connect gpu'
    ]
  ];
  for (const [change, cell] of table) {
    assert.equal(connectCell(instance(), { ...place, ...change }), cell);
  }
});
