import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatDuration } from '../../labextension/src/text/duration';
import { addDay, costOf, formatDollars, formatPerHour } from '../../labextension/src/text/money';

test('dollars are written as the magics write them', () => {
  const table: [number, string][] = [
    [0, '$0.00'],
    [0.0088, '$0.0088'],
    [0.1, '$0.10'],
    [1.119, '$1.12'],
    [12345.6, '$12,345.60']
  ];
  for (const [dollars, text] of table) {
    assert.equal(formatDollars(dollars), text);
  }
});

test('a price an hour has two to four decimals', () => {
  const table: [number, string][] = [
    [0.9, '$0.90/h'],
    [0.526, '$0.526/h'],
    [0.0116, '$0.0116/h'],
    [1234.5, '$1,234.50/h']
  ];
  for (const [dollars, text] of table) {
    assert.equal(formatPerHour(dollars), text);
  }
});

test('EC2 bills at least a minute', () => {
  assert.equal(costOf(3600, 1), 60);
  assert.equal(costOf(3600, 90), 90);
});

test('a duration is written as the widget of a run writes it', () => {
  const table: [number, string][] = [
    [-1, '0 s'],
    [59.4, '59 s'],
    [64, '1 min 4 s'],
    [7500, '2 h 5 min']
  ];
  for (const [seconds, text] of table) {
    assert.equal(formatDuration(seconds), text);
  }
});

test('an amount carries the day of its price', () => {
  assert.equal(addDay('$0.526/h', '2026-11-26'), '$0.526/h (2026-11-26)');
  assert.equal(addDay('$0.526/h', ''), '$0.526/h');
});
