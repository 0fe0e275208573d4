import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as prices from '../../labextension/src/launch/prices';
import type { IPrice } from '../../labextension/src/rest/contract';
import { price } from './answers';

function priced(type: string, gpu: string, dollars: number | null, left: number | null): IPrice {
  return price({ type, gpu, dollars_per_hour: dollars, vcpus_left: left });
}

const TYPES = [
  priced('p5.48xlarge', 'H100 80 GiB', null, 0),
  priced('g4ad.xlarge', 'Radeon Pro V520 8 GiB', 0.379, 8),
  priced('g5.xlarge', 'A10G 24 GiB', 1.006, 8),
  priced('g4dn.xlarge', 'T4 16 GiB', 0.526, 0)
];

test('the usual type is selected first, else the cheapest that the quota allows', () => {
  assert.equal(prices.firstChoice([...TYPES, priced('g4dn.xlarge', 'T4 16 GiB', 0.526, 4)]), 'g4dn.xlarge');
  assert.equal(prices.firstChoice(TYPES), 'g4ad.xlarge');
  assert.equal(prices.firstChoice([]), '');
});

test('the types are listed by price, those without one last', () => {
  assert.deepEqual(
    prices.sortByPrice(TYPES).map(each => each.type),
    ['g4ad.xlarge', 'g4dn.xlarge', 'g5.xlarge', 'p5.48xlarge']
  );
});

test('a filter finds a type by a part of its name or its GPU', () => {
  for (const text of ['g4d', ' t4 ', 'T4 16']) {
    assert.deepEqual(
      prices.filterTypes(TYPES, text).map(each => each.type),
      ['g4dn.xlarge']
    );
  }
});

test('a whole type that the table does not have can be launched too', () => {
  assert.equal(prices.otherType(TYPES, 't2.micro'), 't2.micro');
  assert.equal(prices.otherType(TYPES, 'g5.xlarge'), '');
  assert.equal(prices.otherType(TYPES, 't2'), '');
});

test('a new instance gets a name that no other one has', () => {
  assert.equal(prices.freeName([]), 'gpu');
  assert.equal(prices.freeName(['gpu', 'gpu-2']), 'gpu-3');
});
