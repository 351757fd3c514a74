import { createHash } from 'node:crypto';
import type { S3Client } from '../support/object-store.ts';

const bucket = '/load';
/** Most are small, as in life; some are files of their own, one is more than a block. */
const sizes = [0, 1, 100, 4096, 4096, 9000, 60_000, 140_000, 300_000, 1_200_000];

interface Known {
  /** What was acknowledged last; null: nothing, or a deletion. */
  acked: string | null;
  /** What was sent and never answered: each may have happened. */
  unsure: (string | null)[];
}

/** Clients that each have keys of their own, know what they were told, and believe nothing else. */
export class CheckedLoad {
  readonly #client: S3Client;
  readonly #known = new Map<string, Known>();
  readonly faults: string[] = [];
  acknowledged = 0;
  /** Broken connections and failures: allowed where something is killed. */
  unanswered = 0;
  #stopped = false;

  constructor(client: S3Client) {
    this.#client = client;
  }

  async begin(): Promise<void> {
    await this.#asked('PUT', bucket);
  }

  stop(): void {
    this.#stopped = true;
  }

  resume(): void {
    this.#stopped = false;
  }

  /** Writes, overwrites, deletes and reads until stopped. */
  async run(clients: number): Promise<void> {
    await Promise.all(Array.from({ length: clients }, (_, n) => this.#work(n)));
  }

  /** Every key is asked for, and the listing has what is there and nothing else. */
  async verify(): Promise<void> {
    const there: string[] = [];
    for (const [key, known] of this.#known) {
      const seen = await this.#read(key, known);
      if (seen !== null) there.push(key);
    }
    const listed = await this.#list();
    const wanted = there.toSorted();
    if (JSON.stringify(listed) !== JSON.stringify(wanted)) {
      const missing = wanted.filter((key) => !listed.includes(key));
      const surplus = listed.filter((key) => !wanted.includes(key));
      this.faults.push(`listing: missing ${missing.join()} surplus ${surplus.join()}`);
    }
  }

  async #work(number: number): Promise<void> {
    for (let round = 0; !this.#stopped; round++) {
      const key = `c${number}-${(round * 7) % 23}`;
      const known = this.#known.get(key) ?? { acked: null, unsure: [] };
      this.#known.set(key, known);
      const turn = (round * 13 + number) % 10;
      if (turn < 6) await this.#write(key, known, round);
      else if (turn < 7) await this.#delete(key, known);
      else await this.#read(key, known);
    }
  }

  async #write(key: string, known: Known, round: number): Promise<void> {
    const size = sizes[(round * 31) % sizes.length] ?? 0;
    const body = Buffer.alloc(size, `${key}:${round}:`);
    const etag = md5(body);
    known.unsure.push(etag);
    const answer = await this.#asked('PUT', `${bucket}/${key}`, body);
    if (answer?.status === 200) this.#told(known, etag);
    else if (answer !== null && answer.status < 500) {
      this.faults.push(`PUT ${answer.status} ${answer.body.toString().slice(0, 500)}`);
    }
  }

  async #delete(key: string, known: Known): Promise<void> {
    known.unsure.push(null);
    const answer = await this.#asked('DELETE', `${bucket}/${key}`);
    if (answer?.status === 204) this.#told(known, null);
  }

  #told(known: Known, state: string | null): void {
    known.acked = state;
    known.unsure = [];
    this.acknowledged++;
  }

  /** The MD5 of what is there; what it may not be is a fault. */
  async #read(key: string, known: Known): Promise<string | null> {
    const answer = await this.#asked('GET', `${bucket}/${key}`);
    if (answer === null || answer.status >= 500) return known.acked;
    const seen = answer.status === 200 ? md5(answer.body) : null;
    if (answer.status === 200 && answer.headers.etag !== `"${seen}"`) {
      this.faults.push(`${key}: a torn read of ${answer.body.length} bytes`);
    }
    if (seen !== known.acked && !known.unsure.includes(seen)) {
      this.faults.push(`${key}: ${seen} is there where ${known.acked} was acknowledged`);
    }
    // Seen once, it is what is there until the next write.
    known.acked = seen;
    return seen;
  }

  async #list(): Promise<string[]> {
    const query = { 'list-type': '2', 'max-keys': '1000' };
    const answer = await this.#client.ask({ method: 'GET', path: bucket, query });
    const text = answer.body.toString();
    return [...text.matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, key]) => key ?? '').toSorted();
  }

  /** Null: the connection broke. */
  async #asked(method: string, path: string, body?: Buffer) {
    try {
      const answer = await this.#client.ask({ method, path, ...(body && { body }) });
      if (answer.status >= 500) this.unanswered++;
      return answer;
    } catch {
      this.unanswered++;
      await new Promise((resolve) => setTimeout(resolve, 20));
      return null;
    }
  }
}

const md5 = (bytes: Buffer): string => createHash('md5').update(bytes).digest('hex');
