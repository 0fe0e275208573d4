import assert from 'node:assert/strict';
import test from 'node:test';

import { load } from './load.js';

const { cost, question, waitingNote } = await load('instances.js');

const row = {
  name: 'gpu',
  state: 'running',
  price: '$0.526/h',
  disk: '$8.00/month',
  dollars_per_hour: 0.526,
  seconds: 3600
};

test('the cost of a running instance increases with time', () => {
  assert.equal(cost(row, 0), '$0.53');
  assert.equal(cost(row, 3600), '$1.05');
});

test('the first minute is charged in full', () => {
  assert.equal(cost({ ...row, seconds: 1 }, 0), '$0.0088');
});

test('a stopped instance costs nothing and an unknown price is shown as unknown', () => {
  assert.equal(cost({ ...row, state: 'stopped' }, 0), '$0.00');
  assert.equal(cost({ ...row, dollars_per_hour: null }, 0), 'unknown');
});

test('every confirmation shows the dollars', () => {
  const types = { 'g5.xlarge': 'A10G, $1.006/h' };

  assert.equal(question(row, 'start', '', types), 'Start gpu: $0.526/h');
  assert.match(question(row, 'stop', '', types), /disk still costs \$8\.00\/month/);
  assert.match(question(row, 'resize', 'g5.xlarge', types), /to g5\.xlarge \(A10G, \$1\.006\/h/);
  assert.match(question(row, 'resize', 'new.type', types), /price unknown/);
});

test('a click that the kernel did not receive is never shown as done', () => {
  assert.match(waitingNote(row, 'stop', true), /^stop: waiting for the kernel/);
  assert.match(waitingNote(row, 'stop', false), /did not receive “stop”: %aws_list .* of gpu/);
});
