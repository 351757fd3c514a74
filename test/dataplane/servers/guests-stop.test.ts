import assert from 'node:assert/strict';
import { test } from 'node:test';
import { guestsStop } from '../../../src/agent/server/guests-stop.ts';
import { systemClock } from '../../../src/kernel/clock.ts';
import { labOpen } from './lab.ts';

test('guests are stopped by their power button and the next agent starts them again', async (t) => {
  const lab = await labOpen(t);
  const { id } = await lab.carryOut();
  await lab.console(/tick 02/);
  await lab.kill();
  const stopped: string[] = [];
  const onStopped = (one: string): void => void stopped.push(one);
  const options = { stateDir: lab.stateDir, clock: systemClock, graceMs: 60_000, onStopped };
  await guestsStop(options);
  assert.deepEqual([stopped, lab.pids()], [[id], []]);
  await guestsStop(options);
  assert.deepEqual(stopped, [id]);
  await lab.start();
  assert.match(await lab.console(/boot B/), /off\n[^]*boot B/);
  const actual = await lab.actual(({ power }) => power === 'running');
  assert.deepEqual([actual.incarnation, actual.ended], [1, null]);
});

test('a guest that does not listen is switched off after its grace', async (t) => {
  const lab = await labOpen(t);
  await lab.carryOut();
  await lab.console(/tick 01/);
  await lab.type('d');
  await lab.kill();
  await guestsStop({
    stateDir: lab.stateDir,
    clock: systemClock,
    graceMs: 500,
    onStopped: () => {},
  });
  assert.deepEqual(lab.pids(), []);
});
