import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isTooLow, makeLaunch, savedPercent } from '../../labextension/src/launch/spot';
import { price } from './answers';

const FIELDS = { type: 'g4dn.xlarge', name: 'gpu', disk: '', isSpot: false, maxPrice: '' };

test('an instance is on demand unless spot is checked, whatever maximum was typed', () => {
  const launch = { type: 'g4dn.xlarge', name: 'gpu' };

  assert.deepEqual(makeLaunch({ ...FIELDS, maxPrice: '0.3' }), launch);
  assert.deepEqual(makeLaunch({ ...FIELDS, isSpot: true }), { ...launch, spot: {} });
  assert.deepEqual(makeLaunch({ ...FIELDS, isSpot: true, maxPrice: '0.3', disk: '60' }), {
    ...launch,
    disk_gib: 60,
    spot: { max_price: 0.3 }
  });
});

test('what spot saves is told in percent of the price on demand, where both are known', () => {
  assert.equal(savedPercent(price({ dollars_per_hour: 0.526, spot_dollars_per_hour: 0.1894 })), 64);
  for (const unknown of [
    undefined,
    price({ dollars_per_hour: null, spot_dollars_per_hour: 0.2 }),
    price({ dollars_per_hour: 0.5, spot_dollars_per_hour: null }),
    price({ dollars_per_hour: 0.2, spot_dollars_per_hour: 0.2 })
  ]) {
    assert.equal(savedPercent(unknown), null);
  }
});

test('a maximum below the spot price is marked before AWS refuses it', () => {
  const known = price({ spot_dollars_per_hour: 0.1894 });

  assert.ok(isTooLow('0.18', known));
  assert.ok(!isTooLow('0.19', known));
  assert.ok(!isTooLow('', known));
  assert.ok(!isTooLow('0.01', price({ spot_dollars_per_hour: null })));
});
