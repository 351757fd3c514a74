import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { lockedArgv } from '../../src/boot/lock.ts';
import { isRunning, runningOf, runningRead, runningRecord } from '../../src/boot/running.ts';
import { unitRun, type Unit, type UnitEvent } from '../../src/boot/unit.ts';
import { systemClock, type Clock } from '../../src/kernel/clock.ts';

let folder = '';

const unitOf = (program: string, graceMs: number): Unit => ({
  name: 'unit',
  argv: [process.execPath, '-e', program],
  logFile: join(folder, 'unit.log'),
  lockFile: join(folder, 'unit.lock'),
  recordFile: join(folder, 'unit.json'),
  graceMs,
});

const backOff = { firstMs: 100, mostMs: 1000, steadyMs: 60_000 };

/** Runs a unit until `isEnough` says so, and resolves to all that was reported. */
async function run(
  program: string,
  isEnough: (events: readonly UnitEvent[]) => boolean,
  {
    clock = { now: () => systemClock.now(), sleep: async () => {} },
    graceMs = 60_000,
  }: { readonly clock?: Clock; readonly graceMs?: number } = {},
): Promise<UnitEvent[]> {
  const events: UnitEvent[] = [];
  const stop = new AbortController();
  await unitRun(unitOf(program, graceMs), {
    clock,
    backOff,
    signal: stop.signal,
    report: (event) => {
      events.push(event);
      if (isEnough(events)) stop.abort();
    },
  });
  return events;
}

const endsOf = (events: readonly UnitEvent[]) => events.filter((event) => event.kind === 'ended');
const pidsOf = (events: readonly UnitEvent[]) =>
  events.flatMap((event) => (event.kind === 'started' ? [event.pid] : []));

// A hook outside of a describe would run for the tests of every other file too.
describe('a program that is kept running', () => {
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'welkin-unit-'))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  test('a program that ends is started again, later and later', async () => {
    const events = await run('process.exit(3)', (seen) => endsOf(seen).length === 6);
    const ends = endsOf(events);
    assert.deepEqual(
      ends.map(({ retryMs }) => retryMs),
      [100, 200, 400, 800, 1000, 1000],
    );
    assert.equal(ends[0]?.reason, 'it ended with code 3');
    assert.equal(new Set(pidsOf(events)).size, 6);
  });

  test('a program that ran steadily starts again without delay', async () => {
    let now = 0;
    const clock: Clock = { now: () => (now += 70_000), sleep: async () => {} };
    const events = await run('process.exit(1)', (seen) => endsOf(seen).length === 3, {
      clock,
    });
    assert.deepEqual(
      endsOf(events).map(({ retryMs }) => retryMs),
      [100, 100, 100],
    );
  });

  test('a program is asked to end and may finish what it does', async () => {
    const text = join(folder, 'ended');
    const program = `
    process.on('SIGTERM', () => { require('fs').writeFileSync(${JSON.stringify(text)}, 'well'); process.exit(0); });
    setInterval(() => {}, 1000);
    process.send('ready');`;
    const events = await run(program, (seen) => seen.at(-1)?.kind === 'ready');
    assert.equal(readFileSync(text, 'utf8'), 'well');
    assert.equal(isGone(pidsOf(events)), true);
    assert.equal(existsSync(join(folder, 'unit.json')), false);
  });

  test('a program that does not end when asked is ended', async () => {
    const program = `process.on('SIGTERM', () => {}); setInterval(() => {}, 1000); process.send('ready');`;
    const events = await run(program, (seen) => seen.at(-1)?.kind === 'ready', { graceMs: 300 });
    assert.equal(isGone(pidsOf(events)), true);
  });

  const isGone = (pids: readonly number[]): boolean =>
    pids.length > 0 && pids.every((pid) => runningOf(pid) === null);

  test('what the program prints is in its log', async () => {
    await run(`console.log('printed'); process.exit(1)`, (seen) => endsOf(seen).length === 2);
    assert.equal(readFileSync(join(folder, 'unit.log'), 'utf8'), 'printed\nprinted\n');
  });

  test('there is never a second program under one lock', async () => {
    const [file, ...words] = lockedArgv(join(folder, 'unit.lock'), [
      process.execPath,
      '-e',
      `console.log('held'); setInterval(() => {}, 1000)`,
    ]);
    const holder = spawn(file, words, { stdio: ['ignore', 'pipe', 'ignore'] });
    await once(holder.stdout, 'data');
    const events = await run('process.send("ready")', (seen) => endsOf(seen).length === 1);
    assert.equal(endsOf(events)[0]?.reason, 'another one runs in this state directory');
    holder.kill('SIGKILL');
    await once(holder, 'exit');
    const later = await run('process.send("ready"); setInterval(() => {}, 1000)', (seen) =>
      seen.some(({ kind }) => kind === 'ready'),
    );
    assert.equal(endsOf(later).length, 0);
  });

  test('children of a program do not keep its lock when it is killed', async () => {
    const program = `
    const { spawn } = require('child_process');
    const child = spawn('sleep', ['30'], { detached: true, stdio: 'ignore' });
    console.log(child.pid);
    setInterval(() => {}, 1000);`;
    const [file, ...words] = lockedArgv(join(folder, 'unit.lock'), [
      process.execPath,
      '-e',
      program,
    ]);
    const holder = spawn(file, words, { stdio: ['ignore', 'pipe', 'ignore'] });
    const [pid] = (await once(holder.stdout, 'data')) as [Buffer];
    holder.kill('SIGKILL');
    await once(holder, 'exit');
    const events = await run('process.exit(0)', (seen) => endsOf(seen).length === 1);
    process.kill(Number(pid.toString()));
    assert.equal(endsOf(events)[0]?.reason, 'it ended with code 0');
  });

  test('an orphan of a killed supervisor is ended before the program starts', async () => {
    const orphan = spawn('sleep', ['60'], { detached: true, stdio: 'ignore' });
    const running = runningOf(orphan.pid ?? 0);
    assert.ok(running);
    runningRecord(join(folder, 'unit.json'), running);
    await run('process.exit(0)', (seen) => endsOf(seen).length === 1);
    assert.equal(isRunning(running), false);
  });

  test('a process that has the number of a recorded one is not taken for it', async () => {
    const stranger = spawn('sleep', ['60'], { stdio: 'ignore' });
    const pid = stranger.pid ?? 0;
    const record = join(folder, 'unit.json');
    const running = runningOf(pid);
    for (const wrong of [{ startTicks: '1' }, { bootId: 'an earlier boot' }]) {
      writeFileSync(record, JSON.stringify({ ...running, ...wrong }));
      assert.equal(runningRead(record), null);
    }
    await run('process.exit(0)', (seen) => endsOf(seen).length === 1);
    assert.notEqual(runningOf(pid), null);
    stranger.kill();
  });

  test('a broken record is no record', () => {
    for (const text of ['', '{', '[]', 'null', '{"pid":"1"}', `{"pid":${process.pid}}`]) {
      writeFileSync(join(folder, 'unit.json'), text);
      assert.equal(runningRead(join(folder, 'unit.json')), null, text);
    }
  });
});
