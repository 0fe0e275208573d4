import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findIdle, perHour, totalCost } from '../../labextension/src/model/bill';
import { Cloud } from '../../labextension/src/model/cloud';
import { Keras } from '../../labextension/src/model/keras';
import { Questions } from '../../labextension/src/model/questions';
import { Runs } from '../../labextension/src/model/runs';
import type { IInstance } from '../../labextension/src/rest/contract';
import { answeredBy, instance, listing, refused, run } from './answers';

const ID = 'i-00000000000000001';

test('the cost goes on by the second, for what is billed only', () => {
  const stopped = instance({ costs_money: false, state: 'stopped' });
  const unknown = instance({ dollars_per_hour: null });

  assert.equal(totalCost([instance(), stopped, unknown], 0), 0.5);
  assert.equal(totalCost([instance()], 3600), 1);
  assert.equal(perHour([instance(), instance(), unknown]), 1);
});

test('money runs for nothing on an instance that runs while no run trains on it', () => {
  const other = instance({ id: 'i-00000000000000002' });
  const idle = (billed: IInstance[], ...ids: string[]): string[] =>
    findIdle(billed, [run({ host_ids: ids })]).map(each => each.id);

  assert.deepEqual(idle([instance()]), [ID]);
  assert.deepEqual(idle([instance()], ID), []);
  // One of the same name, a host that is no instance, and a crew.
  assert.deepEqual(idle([instance(), other], other.id), [ID]);
  assert.deepEqual(idle([instance()], 'me@cluster'), [ID]);
  assert.deepEqual(idle([instance(), other], ID, other.id), []);
  assert.deepEqual(idle([instance({ state: 'pending' })]), []);
});

test('a click shows at once, before the server has answered', async () => {
  const { client } = answeredBy(({ path }) =>
    path.endsWith('stop')
      ? {
          status: 202,
          body: { id: ID, verb: 'stop', began_at: 1, message: 'gpu: stopping', cell: '%aws_stop gpu' }
        }
      : { status: 200, body: listing() }
  );
  const cloud = new Cloud(client);
  await cloud.refresh();

  const done = cloud.change(ID, 'stop');
  assert.equal(cloud.actionOn(ID)?.verb, 'stop');
  await done;

  assert.equal(cloud.actionOn(ID)?.message, 'gpu: stopping');
});

test('a failed click is said at its instance until it is dismissed', async () => {
  const { client } = answeredBy(({ path }) =>
    path.endsWith('start') ? refused('NoCapacity') : { status: 200, body: listing() }
  );
  const cloud = new Cloud(client);
  await cloud.refresh();

  await assert.rejects(cloud.change(ID, 'start'));
  assert.equal(cloud.actionOn(ID), null);
  assert.equal(cloud.problemOf(ID)?.error, 'NoCapacity');

  cloud.dismiss(ID);
  assert.equal(cloud.problemOf(ID), null);
});

test('a question is no failure', async () => {
  const { client } = answeredBy(() => refused('NotConfirmed', { question: 'Start?' }));
  const cloud = new Cloud(client);

  await assert.rejects(cloud.change(ID, 'start'));

  assert.equal(cloud.problemOf(ID), null);
});

test('where AWS does not answer, the last known instances stay', async () => {
  let answers = true;
  const { client } = answeredBy(() => (answers ? { status: 200, body: listing() } : undefined));
  const cloud = new Cloud(client);
  await cloud.refresh();
  answers = false;
  await cloud.refresh();

  assert.equal(cloud.instances.length, 1);
  assert.match(cloud.problem?.message ?? '', /does not answer/);

  cloud.receive(listing());
  assert.equal(cloud.problem, null);
});

test('what runs in other regions is asked again with each read of the instances', async () => {
  let regions = [{ region: 'eu-west-1', running: 1, dollars_per_hour: 0.5, names: ['gpu'] }];
  const { client, requests } = answeredBy(({ path }) => ({
    status: 200,
    body: path.startsWith('elsewhere') ? { regions, unread: [] } : listing()
  }));
  const cloud = new Cloud(client);
  const asked = (): string[] =>
    requests.map(each => each.path).filter(path => path.startsWith('elsewhere'));
  const shows = async (count: number): Promise<void> => {
    for (let turn = 0; turn < 100 && cloud.elsewhere?.regions.length !== count; turn++) {
      await new Promise(setImmediate);
    }
    assert.equal(cloud.elsewhere?.regions.length, count);
  };
  await cloud.refresh();
  await shows(1);

  regions = [];
  await cloud.refresh();
  await shows(0);

  await cloud.refresh(true);
  assert.deepEqual(asked(), ['elsewhere', 'elsewhere', 'elsewhere?fresh=true']);
});

test('a change that is not shown is undone after a question only', async () => {
  const { client, requests } = answeredBy(({ method, body }) => {
    const question = 'Undo: jax → tensorflow';
    const answers = (body as { confirmed?: string } | null)?.confirmed === question;
    return method === 'POST' && !answers
      ? refused('NotConfirmed', { question })
      : { status: 200, body: { undo: 'Undo: floatx', cell: '%backend' } };
  });
  const keras = new Keras(client);
  await keras.refresh();
  const asked: string[] = [];
  const answer = (yes: boolean) => (question: string) => {
    asked.push(question);
    return Promise.resolve(yes);
  };

  assert.equal(await keras.undo(answer(false)), false);
  assert.equal(keras.problem, null);
  assert.equal(await keras.undo(answer(true)), true);

  assert.deepEqual(asked, ['Undo: jax → tensorflow', 'Undo: jax → tensorflow']);
  const sent = requests.filter(each => each.method === 'POST').map(each => each.body);
  const shown = { confirmed: 'Undo: floatx' };
  assert.deepEqual(sent, [shown, shown, { confirmed: 'Undo: jax → tensorflow' }]);
});

test('an older state of a run does not replace a newer one', async () => {
  const { client } = answeredBy(() => ({ status: 200, body: { runs: [run({ n: 5 })] } }));
  const runs = new Runs(client);
  await runs.refresh();

  runs.receive(run({ n: 4, status: '' }));
  assert.equal(runs.active.length, 1);

  runs.receive(run({ n: 6, status: 'done' }));
  assert.equal(runs.active.length, 0);
});

test('a run that begins is listed first', async () => {
  const { client } = answeredBy(() => ({ status: 200, body: { runs: [run()] } }));
  const runs = new Runs(client);
  await runs.refresh();

  runs.receive(run({ name: 'newer' }));

  assert.deepEqual(
    runs.each?.map(each => each.name),
    ['newer', run().name]
  );
});

test('a question is answered with its text, and a server that fails keeps the last ones', async () => {
  const asked = { id: 'a1', text: 'gpu starts, $0.53/h', notebook: 'train.ipynb', asked_at: 1 };
  let fails = false;
  const { client, requests } = answeredBy(({ path }) =>
    path.endsWith('answer')
      ? { status: 204, body: null }
      : fails
        ? refused('NoFolder')
        : { status: 200, body: { questions: [asked] } }
  );
  const questions = new Questions(client);
  await questions.refresh();
  assert.deepEqual(questions.open, [asked]);

  await questions.answer(asked, true);
  assert.deepEqual(requests.at(-1)?.body, { yes: true, text: asked.text });
  fails = true;
  await questions.refresh();
  assert.deepEqual(questions.open, [asked]);
});
