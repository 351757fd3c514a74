/**
 * Imports, with conversion: files that name others (`names/`), disks as they should be (`whole/`) and the same broken at
 * random, and the corpus of hostile files. Prints what became of each.
 */
import { mkdtempSync, readFileSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { imageConverter } from '../../src/boot/image-converter.ts';
import { silentLog } from '../../src/kernel/log.ts';
import { edited } from '../image/format-corpus.ts';
import { hostile } from '../image/hostile-corpus.ts';
import { imageServe } from '../image/world.ts';

export interface Outcome {
  readonly name: string;
  readonly kind: 'names' | 'whole' | 'hostile' | 'broken';
  readonly status: string;
  readonly message: string;
}

const [folder = '', seeds = '0'] = process.argv.slice(2);
const claims = ['qcow2', 'vmdk', 'vhd', 'vhdx', 'vdi', 'raw'] as const;

/** A sequence that is the same in every run. */
function* numbers(seed: number): Generator<number, never> {
  for (let state = seed + 1; ;) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    yield state >>> 8;
  }
}

const broken = (bytes: Buffer, seed: number): Buffer =>
  edited(bytes, (copy) => {
    const next = numbers(seed);
    for (let count = 1 + (seed % 6); count > 0; count--) {
      const at = next.next().value % Math.min(copy.length, 700);
      copy[at] = next.next().value & 0xff;
    }
  });

const filesOf = (name: string): [string, Buffer][] =>
  readdirSync(join(folder, name)).map((one) => [one, readFileSync(join(folder, name, one))]);
const claimOf = (name: string): string => name.replace(/^.*\./, '');

type File = readonly [kind: Outcome['kind'], name: string, claim: string, bytes: Buffer];

function* files(): Generator<File> {
  for (const [name, bytes] of filesOf('names'))
    for (const claim of claims) yield ['names', name, claim, bytes];
  for (const [name, claim, bytes] of hostile) yield ['hostile', name, claim, bytes];
  for (const [name, bytes] of filesOf('whole')) {
    yield ['whole', name, claimOf(name), bytes];
    for (let seed = 0; seed < Number(seeds); seed++)
      yield ['broken', `${name}, broken by ${seed}`, claimOf(name), broken(bytes, seed)];
  }
}

const stateDir = mkdtempSync(join(tmpdir(), 'welkin-hostile-'));
const converter = imageConverter('qcow2', { stateDir, log: silentLog });
await using server = await imageServe({ converter });
const outcomes: Outcome[] = [];
for (const [kind, name, claim, bytes] of files()) {
  const id = await server.create({ disk_format: claim });
  const staged = await server.stage(id, bytes);
  let end = { status: String(staged.status), message: staged.text };
  if (staged.status === 204) {
    await server.import(id, { name: 'glance-direct' });
    const { image, task } = await server.settled(id);
    end = { status: image.status, message: task.message };
  }
  outcomes.push({ kind, name: `${name} as ${claim}`, ...end });
  await server.call('DELETE', `/image/v2/images/${id}`);
}
process.stdout.write(JSON.stringify(outcomes));
