import assert from 'node:assert/strict';
import test from 'node:test';

import { load } from './load.js';

const { CAN, cost, label, optionText, question, UNASKED, waitingNote } = await load(
  'instance_actions.js'
);

const row = {
  name: 'gpu',
  state: 'running',
  price: '$0.526/h (2026-11-26)',
  disk: '$8.00/month (2026-11-24)',
  month: '$1.50',
  start: 'Start gpu in practice, account 123456789012:\n  price $0.526/h (2026-11-26) while it runs',
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

test('every confirmation shows the dollars and the account', () => {
  const types = { 'g5.xlarge': 'A10G, $1.006/h (2026-11-26)' };

  const asked = (action, type) => question(row, action, type, types, 'practice, account 1234');

  assert.equal(asked('start', ''), row.start);
  assert.match(asked('stop', ''), /^Stop gpu in practice, account 1234: .* still costs \$8\.00\/month \(2026/);
  assert.match(asked('resize', 'g5.xlarge'), /^Change gpu to g5\.xlarge in practice, account 1234: A10G, \$1\.006\/h \(2026/);
  assert.match(asked('resize', 'new.type'), /price unknown/);
});

test('only what costs nothing more is not confirmed', () => {
  assert.deepEqual(UNASKED.map(label), ['Connect', 'Keep for an hour']);
  assert.deepEqual(CAN.keep, ['running']);
});

test('the list of new types shows their prices and days', () => {
  const types = { 'g5.xlarge': 'A10G, $1.006/h (2026-11-26)' };

  assert.equal(optionText('g5.xlarge', types), 'g5.xlarge · A10G, $1.006/h (2026-11-26)');
  assert.equal(optionText('', types), 'Select a type');
});

test('a click that the kernel did not receive is never shown as done', () => {
  assert.match(waitingNote(row, 'stop', true), /^stop: waiting for the kernel/);
  assert.match(waitingNote(row, 'stop', false), /did not receive “stop”: %aws_list .* of gpu/);
});
