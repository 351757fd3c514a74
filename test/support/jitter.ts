/**
 * Loaded before tests (`node --import`): timers, files and sockets answer late now and then, and the event loop stands
 * still at times, as on a machine that is short of everything. What happens is in an order that a quiet machine shows
 * once in a thousand runs. WELKIN_TEST_SEED gives the same delays again, as far as the machine allows.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import net from 'node:net';

const seed = Number(process.env['WELKIN_TEST_SEED'] ?? Date.now() % 1_000_000);
const lateMaxMs = 60;
const chance = { file: 0.02, socket: 0.02, turn: 0.1 } as const;
/** The event loop stands still about every half second, mostly for moments, rarely for as long as a test waits. */
const standstill = { everyMs: 600, shortMs: 60, longMs: 1_500, longChance: 0.05 } as const;

let state = (seed * 2_654_435_761 + 1) >>> 0;
/** Xorshift: the same numbers for the same seed; at least 0, below 1. */
function random(): number {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  state >>>= 0;
  return state / 2 ** 32;
}

const timer = globalThis.setTimeout;
const turn = globalThis.setImmediate;
/** Zero, mostly. */
const lateMs = (what: keyof typeof chance): number =>
  random() < chance[what] ? random() * lateMaxMs : 0;

function filesLate(): void {
  const files = fs.promises as unknown as Record<string, unknown>;
  for (const [name, call] of Object.entries(files)) {
    if (typeof call !== 'function' || call.constructor.name !== 'AsyncFunction') continue;
    files[name] = async (...words: unknown[]): Promise<unknown> => {
      const result: unknown = await Reflect.apply(call, files, words);
      const ms = lateMs('file');
      if (ms > 0) await new Promise((resolve) => timer(resolve, ms));
      return result;
    };
  }
  syncBuiltinESMExports();
}

type Write = (this: net.Socket, many: boolean, chunk: unknown, code: string, done: Done) => void;
type Done = (error?: Error | null) => void;

/** Bytes leave late, in their order. */
function socketsLate(): void {
  const sockets = net.Socket.prototype as unknown as { _writeGeneric: Write };
  const write = sockets._writeGeneric;
  sockets._writeGeneric = function (many, chunk, code, done) {
    const ms = lateMs('socket');
    if (ms === 0) return write.call(this, many, chunk, code, done);
    timer(
      () => (this.destroyed ? done(this.errored) : write.call(this, many, chunk, code, done)),
      ms,
    );
  };
}

/** What lasts for one turn of the event loop by its nature: the version of a table that was asked for. */
const onTime = new Set(['forget']);

/** Databases, too, begin their work with a turn of the event loop. */
function turnsLate(): void {
  const late = (work: (...words: unknown[]) => void, ...words: unknown[]): unknown => {
    const ms = onTime.has(work.name) ? 0 : lateMs('turn');
    return ms === 0 ? turn(work, ...words) : timer(work, ms, ...words);
  };
  globalThis.setImmediate = Object.assign(late, turn) as typeof setImmediate;
}

function standStill(): void {
  const { everyMs, shortMs, longMs, longChance } = standstill;
  Atomics.wait(
    new Int32Array(new SharedArrayBuffer(4)),
    0,
    0,
    random() * (random() < longChance ? longMs : shortMs),
  );
  timer(standStill, random() * 2 * everyMs).unref();
}

process.stderr.write(`late at random: WELKIN_TEST_SEED=${seed}\n`);
filesLate();
socketsLate();
turnsLate();
timer(standStill, standstill.everyMs).unref();
