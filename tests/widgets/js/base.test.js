import assert from 'node:assert/strict';
import test from 'node:test';

import { load } from './load.js';

const { explain, watchKernel } = await load('base.js');

const fine = { ended: false, connected: true, silent: false };

/** A signal of JupyterLab. */
function signal() {
  const slots = new Set();
  return {
    connect: slot => slots.add(slot),
    disconnect: slot => slots.delete(slot),
    emit: value => slots.forEach(slot => slot(null, value)),
    slots
  };
}

/** A widget's model, and the kernel that JupyterLab shows to it. */
function widget({ hasKernel = true } = {}) {
  const heard = new Map();
  const kernel = {
    connectionStatus: 'connected',
    statusChanged: signal(),
    connectionStatusChanged: signal(),
    disposed: signal()
  };
  return {
    kernel,
    model: {
      get: () => '%manage_aws',
      on: (event, action) => heard.set(event, action),
      off: event => heard.delete(event),
      send: () => {},
      widget_manager: hasKernel ? { kernel } : {}
    },
    tell: event => heard.get(event)(),
    heard
  };
}

test('a widget says nothing of a kernel that is there', () => {
  assert.equal(explain(fine, '%manage_aws'), '');
});

test('each way to lose the kernel has its words, and those of its end say what to run', () => {
  assert.match(explain({ ...fine, ended: true }, '%manage_aws'), /buttons do nothing\.\n.*run: %manage_aws$/s);
  assert.match(explain({ ...fine, connected: false }, ''), /work again when it is back/);
  assert.match(explain({ ...fine, silent: true }, '%attach x'), /for 20 s.*run: %attach x$/s);
});

for (const status of ['restarting', 'autorestarting', 'dead']) {
  test(`a kernel that is ${status} does not come back to its widget`, () => {
    const { kernel, model } = widget();
    let changes = 0;
    const watch = watchKernel(model, () => (changes += 1));

    kernel.statusChanged.emit(status);
    kernel.statusChanged.emit('idle');

    assert.match(watch.why(), /was restarted or has ended/);
    assert.equal(changes, 1);
    watch.close();
  });
}

test('a lost connection is only until it is back', () => {
  const { kernel, model } = widget();
  const watch = watchKernel(model, () => {});

  kernel.connectionStatus = 'connecting';
  assert.match(watch.why(), /connection to the kernel is lost/);
  kernel.connectionStatus = 'connected';
  assert.equal(watch.why(), '');
  watch.close();
});

test('without the kernel of a front end a widget is silent until its next sign of life', context => {
  context.mock.timers.enable({ apis: ['setInterval', 'Date'] });
  const { model, tell } = widget({ hasKernel: false });
  let changes = 0;
  const watch = watchKernel(model, () => (changes += 1));

  context.mock.timers.tick(25_000);
  assert.match(watch.why(), /No sign of life/);
  tell('change:beat');

  assert.equal(watch.why(), '');
  assert.equal(changes, 2);
  watch.close();
});

test('a closed widget listens to nothing', () => {
  const { kernel, model, heard } = widget();

  watchKernel(model, () => {}).close();

  assert.equal(heard.size, 0);
  for (const each of [kernel.statusChanged, kernel.connectionStatusChanged, kernel.disposed]) {
    assert.equal(each.slots.size, 0);
  }
});
