import { createHash } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { StoreProgram } from '../support/object-store.ts';

/** Who it takes beside the S3 key. */
export const swiftUser = ['--tempauth', 'test:secret'] as const;

const segmentSizes = [200_000, 1_300_000, 5_000];

interface Known {
  /** MD5 of what was acknowledged last; null: nothing yet. */
  acked: string | null;
  unsure: string[];
}

/** Clients of the Swift API, each with a static and a dynamic large object of its own, put anew again and again. */
export class SegmentLoad {
  readonly #store: StoreProgram;
  readonly #static = new Map<string, Known>();
  /** MD5s of the segments of dynamic ones, in order; the last may be there or not. */
  readonly #dynamic = new Map<string, { acked: Buffer[]; unsure: Buffer | null }>();
  readonly faults: string[] = [];
  acknowledged = 0;
  #token = '';
  #round = 0;
  #stopped = false;

  constructor(store: StoreProgram) {
    this.#store = store;
  }

  async begin(): Promise<void> {
    for (const container of ['/large', '/segments']) await this.#asked('PUT', container);
  }

  stop(): void {
    this.#stopped = true;
  }

  async run(clients: number): Promise<void> {
    this.#stopped = false;
    await Promise.all(Array.from({ length: clients }, (_, n) => this.#work(n)));
  }

  async verify(): Promise<void> {
    for (const name of this.#static.keys()) await this.#staticRead(name);
    for (const name of this.#dynamic.keys()) await this.#dynamicRead(name);
  }

  async #work(number: number): Promise<void> {
    while (!this.#stopped) {
      await this.#staticPut(`s${number}`, this.#round++);
      await this.#staticRead(`s${number}`);
      await this.#dynamicGrow(`d${number}`);
      await this.#dynamicRead(`d${number}`);
    }
  }

  /** Segments first, each under a new name, then the manifest that makes them one. */
  async #staticPut(name: string, round: number): Promise<void> {
    const known = this.#static.get(name) ?? { acked: null, unsure: [] };
    this.#static.set(name, known);
    const segments = segmentSizes.map((size, n) => Buffer.alloc(size, `${name}:${round}:${n}:`));
    const manifest: {
      readonly path: string;
      readonly etag: string;
      readonly size_bytes: number;
    }[] = [];
    for (const [n, bytes] of segments.entries()) {
      const path = `/segments/${name}/${round}/${n}`;
      const answer = await this.#asked('PUT', path, bytes);
      if (answer?.status !== 201) return;
      manifest.push({ path, etag: md5(bytes), size_bytes: bytes.length });
    }
    const whole = md5(Buffer.concat(segments));
    known.unsure.push(whole);
    const text = Buffer.from(JSON.stringify(manifest));
    const put = await this.#asked('PUT', `/large/${name}?multipart-manifest=put`, text);
    if (put?.status === 201) {
      Object.assign(known, { acked: whole, unsure: [] });
      this.acknowledged++;
    } else if (put !== null && put.status < 500) {
      this.faults.push(`manifest of ${name}: ${put.status} ${put.body.toString().slice(0, 300)}`);
    }
  }

  async #staticRead(name: string): Promise<void> {
    const known = this.#static.get(name);
    const answer = await this.#asked('GET', `/large/${name}`);
    if (known === undefined || answer === null || answer.status >= 500) return;
    const seen = answer.status === 200 ? md5(answer.body) : null;
    if (seen === known.acked || (seen !== null && known.unsure.includes(seen))) return;
    this.faults.push(`${name}: ${answer.status}, ${answer.body.length} bytes that nobody put so`);
  }

  async #dynamicGrow(name: string): Promise<void> {
    let known = this.#dynamic.get(name);
    if (known === undefined) {
      const headers = { 'x-object-manifest': `segments/${name}/` };
      const made = await this.#asked('PUT', `/large/${name}`, Buffer.alloc(0), headers);
      if (made?.status !== 201) return;
      this.#dynamic.set(name, (known = { acked: [], unsure: null }));
    }
    if (known.acked.length >= 20) return;
    const number = String(known.acked.length).padStart(4, '0');
    // The same bytes when it has to be put once more.
    const bytes = Buffer.alloc(segmentSizes[known.acked.length % 3] ?? 0, `${name}:${number}:`);
    known.unsure = bytes;
    const answer = await this.#asked('PUT', `/segments/${name}/${number}`, bytes);
    if (answer?.status !== 201) return;
    known.acked.push(bytes);
    known.unsure = null;
    this.acknowledged++;
  }

  async #dynamicRead(name: string): Promise<void> {
    const known = this.#dynamic.get(name);
    const answer = await this.#asked('GET', `/large/${name}`);
    if (known === undefined || answer === null || answer.status >= 500) return;
    const sure = Buffer.concat(known.acked);
    const more = Buffer.concat([sure, known.unsure ?? Buffer.alloc(0)]);
    if (answer.status === 200 && (answer.body.equals(sure) || answer.body.equals(more))) return;
    this.faults.push(`${name}: ${answer.status}, ${answer.body.length} of ${sure.length} bytes`);
  }

  /** Null: the connection broke. */
  async #asked(
    method: string,
    path: string,
    body: Buffer | null = null,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<{ readonly status: number; readonly body: Buffer } | null> {
    const host = `http://127.0.0.1:${this.#store.port}`;
    try {
      if (this.#token === '') {
        const user = { 'x-auth-user': 'test:test', 'x-auth-key': 'secret' };
        const granted = await fetch(`${host}/auth/v1.0`, { headers: user });
        this.#token = granted.headers.get('x-auth-token') ?? '';
      }
      const answer = await fetch(`${host}/v1/AUTH_test${path}`, {
        method,
        headers: { 'x-auth-token': this.#token, ...headers },
        ...(body !== null && { body: new Uint8Array(body) }),
      });
      return { status: answer.status, body: Buffer.from(await answer.arrayBuffer()) };
    } catch {
      await wait(20);
      return null;
    }
  }
}

const md5 = (bytes: Buffer): string => createHash('md5').update(bytes).digest('hex');
