import type { TranslationBundle } from '@jupyterlab/translation';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cloud } from '../../labextension/src/model/cloud';
import { canBeKept, describeStop, nextStop } from '../../labextension/src/model/guard';
import type { IGuard } from '../../labextension/src/rest/contract';
import { answeredBy, instance, listing, refused } from './answers';

const ID = 'i-00000000000000001';
const ENGLISH = {
  __: (text: string, ...values: unknown[]) => text.replace('%1', String(values[0]))
} as TranslationBundle;

function guard(change: Partial<IGuard> = {}): IGuard {
  return { armed: true, state: 'idle', reason: 'idle for 6 min', stops_at: 2000, ...change };
}

test('the stop that comes next is told in minutes, and in hours', () => {
  const later = instance({ guard: guard({ stops_at: 9000 }) });
  const works = instance({ guard: guard({ state: 'active', stops_at: null }) });
  const sooner = instance({ guard: guard() });

  assert.equal(nextStop([later, works, sooner]), sooner);
  assert.equal(nextStop([works, instance()]), null);
  assert.equal(describeStop(ENGLISH, 2000, 560), 'stops in 24 min');
  assert.equal(describeStop(ENGLISH, 9000, 0), 'stops in 2 h 30 min');
  assert.equal(describeStop(ENGLISH, 2000, 2500), 'stops in less than a minute');
});

test('an end that was set, and a guard that does not answer, cannot be put off', () => {
  assert.equal(canBeKept(guard()), true);
  assert.equal(canBeKept(guard({ state: 'ending' })), false);
  assert.equal(canBeKept(guard({ armed: false })), false);
  assert.equal(canBeKept(null), false);
});

test('an instance that is kept shows what its guard says then', async () => {
  const kept = instance({ guard: guard({ state: 'kept', stops_at: 5600 }) });
  const { client, requests } = answeredBy(({ path }) =>
    path.endsWith('keep') ? { status: 200, body: kept } : { status: 200, body: listing() }
  );
  const cloud = new Cloud(client);
  await cloud.refresh();

  await cloud.keep(ID);

  assert.equal(cloud.find(ID)?.guard?.stops_at, 5600);
  assert.deepEqual(requests.at(-1)?.body, { minutes: 60 });
});

test('why an instance could not be kept is said at it', async () => {
  const { client } = answeredBy(({ path }) =>
    path.endsWith('keep') ? refused('WrongState') : { status: 200, body: listing() }
  );
  const cloud = new Cloud(client);
  await cloud.refresh();

  await assert.rejects(cloud.keep(ID));

  assert.equal(cloud.problemOf(ID)?.error, 'WrongState');
});
