import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { labOpen, until } from './lab.ts';

test('a killed agent leaves guests running and its successor finds them', async (t) => {
  const lab = await labOpen(t);
  const { id } = await lab.carryOut();
  await lab.console(/tick 02/);
  const pid = lab.pid();
  await lab.kill();
  await lab.start();
  const adopted = await lab.actual(({ power }) => power === 'running');
  assert.deepEqual([adopted.incarnation, adopted.generation, adopted.ended], [1, 1, null]);
  assert.equal(lab.pid(), pid);
  assert.equal((await lab.carryOut({ run: { state: 'paused' } })).power, 'paused');
  assert.equal((await lab.carryOut()).power, 'running');
  assert.doesNotMatch(await lab.console(/tick 06/), /boot B/);
  await lab.agent.serverDelete(id);
  assert.deepEqual(lab.pids(), []);
});

test('a document that was acknowledged is carried out by the next agent', async (t) => {
  const lab = await labOpen(t);
  const wanted = lab.wanted();
  await lab.agent.serverPut(wanted);
  await lab.kill();
  await lab.start();
  const actual = await lab.actual(({ generation }) => generation === wanted.generation);
  assert.equal(actual.power, 'running');
  assert.equal(lab.pids().length, 1);
  assert.equal((await lab.console(/tick 01/)).match(/boot/g)?.length, 1);
});

test('an agent killed at any moment of starts and stops loses nothing and doubles nothing', async (t) => {
  const lab = await labOpen(t);
  for (const [index, delayMs] of [0, 5, 20, 40, 60, 90, 130, 200].entries()) {
    const run = index % 2 === 0 ? { incarnation: index + 1 } : { state: 'suspended' as const };
    const wanted = lab.wanted({ run: { incarnation: index, ...run } });
    await lab.agent.serverPut(wanted);
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    await lab.kill();
    await lab.start();
    const actual = await lab.actual(({ generation }) => generation === wanted.generation);
    assert.deepEqual([actual.error, actual.power], [null, wanted.run.state], `after ${delayMs} ms`);
    assert.equal(lab.pids().length, wanted.run.state === 'running' ? 1 : 0);
  }
});

test('a process that is killed is reported within two seconds', async (t) => {
  const lab = await labOpen(t);
  await lab.carryOut();
  const reported = lab.actual(({ ended }) => ended !== null);
  process.kill(lab.pid(), 'SIGKILL');
  const killedAt = performance.now();
  const actual = await reported;
  assert.deepEqual([actual.power, actual.ended?.reason], ['stopped', 'crashed']);
  assert.ok(performance.now() - killedAt < 2000);
});

test('how a guest ended while no agent was there is known to the next', async (t) => {
  for (const reason of ['crashed', 'guest-shutdown'] as const) {
    const lab = await labOpen(t);
    await lab.carryOut();
    await lab.console(/tick 01/);
    await lab.kill();
    if (reason === 'crashed') process.kill(lab.pid(), 'SIGKILL');
    else await lab.type('q');
    await until('the process is gone', async () => (lab.pids().length === 0 ? true : null));
    await lab.start();
    const actual = await lab.actual(({ ended }) => ended !== null);
    assert.deepEqual([actual.power, actual.ended?.reason], ['stopped', reason]);
  }
});

test('a boot of the machine starts what ran', async (t) => {
  const lab = await labOpen(t);
  const { id } = await lab.carryOut();
  await lab.console(/tick 01/);
  await lab.kill();
  process.kill(lab.pid(), 'SIGKILL');
  await until('the process is gone', async () => (lab.pids().length === 0 ? true : null));
  // What the agent remembers was of another boot.
  const path = join(lab.stateDir, 'servers', id, 'actual.json');
  const record = JSON.parse((await import('node:fs')).readFileSync(path, 'utf8')) as {
    process: object;
  };
  writeFileSync(
    path,
    JSON.stringify({ ...record, process: { ...record.process, bootId: 'before' } }),
  );
  await lab.start();
  await lab.console(/boot B/);
  const actual = await lab.actual(({ power }) => power === 'running');
  assert.deepEqual([actual.incarnation, actual.ended], [1, null]);
});

test('directories and processes that no document asks for are removed at the start', async (t) => {
  const lab = await labOpen(t);
  const { id } = await lab.carryOut();
  await lab.kill();
  const directory = join(lab.stateDir, 'servers', id);
  rmSync(join(directory, 'wanted.json'));
  mkdirSync(join(lab.stateDir, 'servers', 'half-made'));
  await lab.start();
  assert.deepEqual(lab.pids(), []);
  assert.deepEqual(readdirSync(join(lab.stateDir, 'servers')), []);
  assert.equal(await lab.agent.serverGet(id), null);
});

test('a deleted server leaves nothing, whatever it was doing, and can be deleted again', async (t) => {
  const lab = await labOpen(t);
  for (const state of ['running', 'paused', 'suspended', 'stopped'] as const) {
    const { id } = await lab.carryOut();
    await lab.carryOut({ run: { state } });
    await lab.agent.serverDelete(id);
    assert.deepEqual(lab.pids(), []);
    assert.equal(existsSync(join(lab.stateDir, 'servers', id)), false);
    await lab.agent.serverDelete(id);
  }
  const { id } = lab.wanted();
  await lab.agent.serverPut(lab.wanted());
  await lab.agent.serverDelete(id);
  assert.deepEqual(lab.pids(), []);
  assert.equal(existsSync(join(lab.stateDir, 'servers', id)), false);
});
