import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, mkdtempDisposableSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { Agent, request, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { measure, type Bench, type BenchContext, type Measure, type Reference } from './bench.ts';
import { adminToken, controlCpuSec } from './control-load.ts';
import { glanceStart, type ImagePeer } from './image-peer.ts';
import { cpuSecOf } from './peer.ts';

const gib = 2 ** 30;
const records = 10_000;
const connections = 16;
const rounds = 3;

/** A service of images. */
interface House {
  readonly imagesUrl: string;
  readonly token: string;
  readonly agent: Agent | false;
  /** Of its programs, so far. */
  readonly cpuSec: () => number;
}

interface Ask {
  readonly method: string;
  readonly path: string;
  readonly body?: string | AsyncIterable<Uint8Array>;
  readonly type?: string;
  readonly sizeBytes?: number;
}

/** Resolves with the answer when its head is there. */
function ask({ imagesUrl, token, agent }: House, { method, path, body, type, sizeBytes }: Ask) {
  return new Promise<IncomingMessage>((resolve, reject) => {
    const headers = {
      'X-Auth-Token': token,
      ...(type !== undefined && { 'Content-Type': type }),
      ...(sizeBytes !== undefined && { 'Content-Length': sizeBytes }),
    };
    const asked = request(`${imagesUrl}${path}`, { method, headers, agent });
    asked.on('response', (answer) => {
      if ((answer.statusCode ?? 500) < 300) resolve(answer);
      else reject(new Error(`${method} ${path} answered ${answer.statusCode}`));
    });
    asked.on('error', reject);
    if (body === undefined || typeof body === 'string') asked.end(body);
    else (body as ReturnType<typeof createReadStream>).pipe(asked);
  });
}

async function textOf(answer: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of answer) text += String(chunk);
  return text;
}

async function imageMake(house: House, name: string): Promise<string> {
  const body = JSON.stringify({ name, disk_format: 'raw', container_format: 'bare' });
  const ask1 = { method: 'POST', path: '/images', body, type: 'application/json' };
  const { id } = JSON.parse(await textOf(await ask(house, ask1))) as { id: string };
  return id;
}

async function cpuOf(house: House, work: () => Promise<void>): Promise<number> {
  const before = house.cpuSec();
  await work();
  return house.cpuSec() - before;
}

/** CPU seconds of the hashes and a copy alone, by the system's own programs. */
async function plainCopy(from: string, to: string): Promise<number> {
  const script = `TIMEFORMAT='%U %S'; time (dd if=${from} bs=1M status=none | tee >(md5sum >/dev/null) >(sha512sum >/dev/null) | dd of=${to} bs=1M conv=fsync status=none)`;
  const { stderr } = await promisify(execFile)('bash', ['-c', script]);
  const [user = 0, system = 0] = stderr.trim().split('\n').at(-1)?.split(' ').map(Number) ?? [];
  return user + system;
}

/** Wall seconds of both hashes of as many bytes, one after the other in one thread, from memory. */
function hashesAlone(block: Buffer): number {
  const begun = performance.now();
  const hashes = [createHash('md5'), createHash('sha512')];
  for (let at = 0; at < gib; at += block.length) for (const hash of hashes) hash.update(block);
  return (performance.now() - begun) / 1000;
}

interface Round {
  readonly hashesSec: number;
  readonly uploadSec: number;
  readonly uploadCpuSec: number;
  readonly downloadCpuSec: number;
}

async function bytesRound(house: House, path: string, block: Buffer): Promise<Round> {
  const hashesSec = hashesAlone(block);
  const id = await imageMake(house, 'bench');
  const begun = performance.now();
  const uploadCpuSec = await cpuOf(house, async () => {
    const body = createReadStream(path, { highWaterMark: 1 << 20 });
    const type = 'application/octet-stream';
    const wanted = { method: 'PUT', path: `/images/${id}/file`, body, type, sizeBytes: gib };
    await textOf(await ask(house, wanted));
  });
  const uploadSec = (performance.now() - begun) / 1000;
  const downloadCpuSec = await cpuOf(house, async () => {
    const answer = await ask(house, { method: 'GET', path: `/images/${id}/file` });
    for await (const _ of answer);
  });
  await textOf(await ask(house, { method: 'DELETE', path: `/images/${id}` }));
  return { hashesSec, uploadSec, uploadCpuSec, downloadCpuSec };
}

/** The better of each, in turns: whatever else the machine does only adds. */
async function bytesBench(house: House, glance: House | null): Promise<Measure[]> {
  using directory = mkdtempDisposableSync(join(tmpdir(), 'welkin-bench-'));
  const path = join(directory.path, 'image');
  await using file = await open(path, 'w');
  const block = Buffer.alloc(1 << 20, 'an image that does not compress to nothing');
  for (let at = 0; at < gib; at += block.length) await file.write(block);
  const ours: Round[] = [];
  const theirs: Round[] = [];
  while (ours.length < rounds) {
    ours.push(await bytesRound(house, path, block));
    if (glance !== null) theirs.push(await bytesRound(glance, path, block));
  }
  const plain = await plainCopy(path, join(directory.path, 'copy'));
  const best = (of: keyof Round, all = ours): number => Math.min(...all.map((round) => round[of]));
  const byGlance = (of: keyof Round): Reference[] =>
    glance === null ? [] : [{ what: 'Glance', value: best(of, theirs) }];
  const byHand = { what: 'dd with md5sum and sha512sum', value: plain };
  const speed = best('hashesSec') / best('uploadSec');
  return [
    measure('upload of 1 GiB', best('uploadCpuSec'), 'CPU-s', {
      target: { atMost: 6 },
      references: [byHand, ...byGlance('uploadCpuSec')],
    }),
    measure('speed of that upload', speed, 'of the speed of its hashes, one after the other', {
      target: { atLeast: 0.9 },
    }),
    measure('download of 1 GiB', best('downloadCpuSec'), 'CPU-s', {
      target: { atMost: 1.3 },
      references: byGlance('downloadCpuSec'),
    }),
  ];
}

async function recordsBench(house: House): Promise<Measure[]> {
  let begun = 0;
  const cpuSec = await cpuOf(house, async () => {
    const connection = async (): Promise<void> => {
      while (begun < records) await imageMake(house, `record ${begun++}`);
    };
    await Promise.all(Array.from({ length: connections }, connection));
  });
  const ids: string[] = [];
  const listSec = await cpuOf(house, async () => {
    let path: string | undefined = '/images?limit=1000';
    while (path !== undefined) {
      const text = await textOf(await ask(house, { method: 'GET', path }));
      const page = JSON.parse(text) as { images: { id: string }[]; next?: string };
      ids.push(...page.images.map(({ id }) => id));
      path = page.next?.replace(/^\/v2/, '');
    }
  });
  if (new Set(ids).size < records) throw new Error(`the list has ${ids.length} images`);
  const left = [...ids];
  const connection = async (): Promise<void> => {
    for (let id = left.pop(); id !== undefined; id = left.pop())
      await textOf(await ask(house, { method: 'DELETE', path: `/images/${id}` })).catch(() => '');
  };
  await Promise.all(Array.from({ length: connections }, connection));
  const perSec = records / cpuSec;
  return [
    measure('images registered', perSec, 'a CPU-s', { target: { atLeast: 1_000 } }),
    measure(`a list of ${records} images in pages of 1,000`, listSec, 'CPU-s', {
      target: { atMost: 1 },
    }),
  ];
}

export const bench: Bench = {
  name: 'image',
  about: 'images: 1 GiB up and down, records, lists',
  async run(context) {
    const cloud = await context.cloud();
    const imagesUrl = `${cloud.apiUrl}/image/v2`;
    const token = await adminToken(cloud);
    const cpuSec = await controlCpuSec(cloud);
    // A connection for each request: one that is kept may be closed while the hashes are made.
    const ours = { imagesUrl, token, cpuSec, agent: false } as const;
    const agent = new Agent({ keepAlive: true, maxSockets: connections });
    try {
      await using glance = await glanceFound(context);
      const theirs = glance && { ...ours, ...glance, cpuSec: () => cpuSecOf(glance.pids()) };
      return [...(await bytesBench(ours, theirs)), ...(await recordsBench({ ...ours, agent }))];
    } finally {
      agent.destroy();
    }
  },
};

/** Null, and it is said why, where it cannot be had. */
async function glanceFound({ print }: BenchContext): Promise<ImagePeer | null> {
  try {
    return await glanceStart();
  } catch (error) {
    print(`image: without Glance: ${String(error)}`);
    return null;
  }
}
