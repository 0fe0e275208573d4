import assert from 'node:assert/strict';
import { test } from 'node:test';
import { confirmed } from '../../labextension/src/rest/confirm';
import { toProblem } from '../../labextension/src/rest/refusal';
import { answeredBy, instance, listing, refused } from './answers';

test('a failure keeps its two lines', async () => {
  const { client } = answeredBy(() => refused('NoCredentials'));

  const reason: unknown = await client.listInstances().catch((error: unknown) => error);

  assert.deepEqual(toProblem(reason), {
    error: 'NoCredentials',
    message: 'NoCredentials.',
    fix: 'Do this.'
  });
});

test('what is not an answer of the server extension is said in two lines too', async () => {
  const table = [
    { answer: { status: 404, body: '<html>' }, says: /is not enabled/ },
    { answer: { status: 502, body: '<html>Bad gateway' }, says: /answered: 502/ },
    { answer: { status: 200, body: 'a login page' }, says: /answered: 200/ },
    { answer: undefined, says: /does not answer/ }
  ];
  for (const { answer, says } of table) {
    const { client } = answeredBy(() => answer);
    const problem = toProblem(await client.listRuns().catch((error: unknown) => error));
    assert.match(problem.message, says);
    assert.notEqual(problem.fix, '');
  }
});

test('requests go below the base URL of the server', async () => {
  const { client, requests } = answeredBy(() => ({ status: 200, body: listing() }));

  await client.listInstances();

  assert.deepEqual(requests, [{ method: 'GET', path: 'instances', body: null }]);
});

test('what costs money is sent again with exactly the question that was confirmed', async () => {
  const { client, requests } = answeredBy(({ body }) =>
    (body as { confirmed?: string }).confirmed === '$0.50/h?'
      ? { status: 201, body: instance() }
      : refused('NotConfirmed', { question: '$0.50/h?' })
  );
  const asked: string[] = [];

  await confirmed(
    answer => client.launchInstance({ type: 'g4dn.xlarge', name: 'gpu' }, answer),
    refusal => {
      asked.push(refusal.question ?? '');
      return Promise.resolve(true);
    }
  );

  assert.deepEqual(asked, ['$0.50/h?']);
  assert.deepEqual(
    requests.map(each => each.body),
    [
      { type: 'g4dn.xlarge', name: 'gpu' },
      { type: 'g4dn.xlarge', name: 'gpu', confirmed: '$0.50/h?' }
    ]
  );
});

test('without a yes nothing is sent again', async () => {
  const { client, requests } = answeredBy(() => refused('NotConfirmed', { question: 'Start?' }));

  const done = await confirmed(
    answer => client.change('i-00000000000000001', 'start', {}, answer),
    () => Promise.resolve(false)
  );

  assert.equal(done, null);
  assert.equal(requests.length, 1);
});

test('a question that changes each time is not asked for ever', async () => {
  let count = 0;
  const { client } = answeredBy(() => refused('NotConfirmed', { question: `${count++}` }));

  await assert.rejects(
    confirmed(
      answer => client.change('i-00000000000000001', 'start', {}, answer),
      () => Promise.resolve(true)
    )
  );
});
