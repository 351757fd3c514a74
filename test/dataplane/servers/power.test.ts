import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Failure } from '../../../src/kernel/errors.ts';
import { labOpen } from './lab.ts';

test('a server starts from its image and its console is read', async (t) => {
  const lab = await labOpen(t);
  const actual = await lab.carryOut();
  assert.deepEqual(
    [actual.power, actual.incarnation, actual.ended, actual.error],
    ['running', 1, null, null],
  );
  const text = await lab.console(/tick 03/);
  assert.match(text, /^boot A\n/m);
  assert.match(await lab.agent.serverConsole(actual.id, 2), /^tick [0-9a-f]{2}\n(tick|$)/);
});

test('a soft reboot presses the power button and starts anew from the same disk', async (t) => {
  const lab = await labOpen(t);
  await lab.carryOut();
  await lab.console(/tick 02/);
  const before = lab.pid();
  const actual = await lab.carryOut({ run: { incarnation: 2, graceMs: 60_000 } });
  assert.deepEqual([actual.power, actual.incarnation, actual.ended], ['running', 2, null]);
  assert.notEqual(lab.pid(), before);
  assert.match(await lab.console(/boot B/), /off\n[^]*boot B/);
});

test('a hard reboot asks nobody', async (t) => {
  const lab = await labOpen(t);
  await lab.carryOut();
  await lab.console(/tick 02/);
  await lab.carryOut({ run: { incarnation: 2 } });
  assert.doesNotMatch(await lab.console(/boot B/), /off/);
});

test('a guest that does not hear the power button is ended after its grace', async (t) => {
  const lab = await labOpen(t);
  await lab.carryOut();
  await lab.console(/tick 01/);
  await lab.type('d');
  const actual = await lab.carryOut({ run: { state: 'stopped', graceMs: 1500 } });
  assert.deepEqual([actual.power, actual.ended], ['stopped', null]);
  assert.deepEqual(lab.pids(), []);
});

test('a stop without grace interrupts a stop with a long one', async (t) => {
  const lab = await labOpen(t);
  await lab.carryOut();
  await lab.console(/tick 01/);
  await lab.type('d');
  await lab.console(/tick 04/);
  await lab.agent.serverPut(lab.wanted({ run: { state: 'stopped', graceMs: 3_600_000 } }));
  const actual = await lab.carryOut({ run: { state: 'stopped' } });
  assert.equal(actual.power, 'stopped');
});

test('a paused guest stands still and goes on', async (t) => {
  const lab = await labOpen(t);
  await lab.carryOut();
  await lab.console(/tick 02/);
  assert.equal((await lab.carryOut({ run: { state: 'paused' } })).power, 'paused');
  const text = await lab.agent.serverConsole(lab.wanted().id, null);
  const diagnostics = await lab.agent.serverDiagnostics(lab.wanted().id);
  assert.equal(diagnostics.state, 'paused');
  assert.ok((diagnostics.disks[0]?.readBytes ?? 0) > 0);
  assert.equal(await lab.agent.serverConsole(lab.wanted().id, null), text);
  assert.equal((await lab.carryOut()).power, 'running');
  assert.doesNotMatch(await lab.console(/tick 06/), /boot B/);
});

test('a suspended guest has no process and goes on where it was, memory and all', async (t) => {
  const lab = await labOpen(t);
  await lab.carryOut();
  await lab.console(/tick 03/);
  assert.equal((await lab.carryOut({ run: { state: 'suspended' } })).power, 'suspended');
  assert.deepEqual(lab.pids(), []);
  assert.equal((await lab.carryOut()).power, 'running');
  const text = await lab.console(/tick 09/);
  assert.equal(text.match(/boot/g)?.length, 1);
  const ticks = [...text.matchAll(/tick (..)/g)].map(([, hex]) => Number.parseInt(hex ?? '', 16));
  assert.deepEqual(
    ticks,
    ticks.map((_, index) => index + 1),
  );
});

test('a guest that switches itself off is reported and stays off until a new incarnation', async (t) => {
  const lab = await labOpen(t);
  await lab.carryOut();
  await lab.console(/tick 01/);
  await lab.type('q');
  const ended = await lab.actual((actual) => actual.ended !== null);
  assert.deepEqual([ended.power, ended.ended?.reason], ['stopped', 'guest-shutdown']);
  assert.equal((await lab.carryOut()).power, 'stopped');
  const again = await lab.carryOut({ run: { incarnation: 2 } });
  assert.deepEqual([again.power, again.incarnation, again.ended], ['running', 2, null]);
});

test('a guest without an agent inside takes no password', async (t) => {
  const lab = await labOpen(t);
  const { id } = await lab.carryOut();
  await assert.rejects(
    lab.agent.serverPasswordSet(id, 'root', 'secret'),
    (error) => error instanceof Failure && error.kind === 'conflict',
  );
});
