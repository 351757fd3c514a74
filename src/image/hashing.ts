/**
 * The hashes of bytes on their way. Of much they are made by threads, one for each algorithm, beside the receiving and
 * the writing; the threads are there while somebody needs them.
 */
import { createHash } from 'node:crypto';
import { Worker } from 'node:worker_threads';
import { unavailable } from '../kernel/errors.ts';

/** Starting threads costs some 50 ms of processor time: as much as hashing so many bytes. */
export const threadsWorthBytes = 16 << 20;

export type Algorithm = 'md5' | 'sha512';
export type HashesFound = Partial<Readonly<Record<Algorithm, string>>>;

export interface Hashing {
  /** In the order of the calls. Until this resolves the chunk is being read. */
  update(chunk: Uint8Array): Promise<void>;
  digest(): Promise<HashesFound>;
  /** Once, also after a failure. */
  close(): void;
}

/** `isMuch`: by threads; the chunks must be shared memory then. */
export const hashingOpen = (algorithms: readonly Algorithm[], isMuch: boolean): Hashing =>
  isMuch ? threadedHashing(algorithms) : ownHashing(algorithms);

function ownHashing(algorithms: readonly Algorithm[]): Hashing {
  const hashes = algorithms.map((name) => [name, createHash(name)] as const);
  return {
    async update(chunk) {
      for (const [, hash] of hashes) hash.update(chunk);
    },
    digest: async () =>
      Object.fromEntries(hashes.map(([name, hash]) => [name, hash.digest('hex')])),
    close() {},
  };
}

let lastId = 0;
const threads = new Map<Algorithm, HashThread>();

function threadedHashing(algorithms: readonly Algorithm[]): Hashing {
  const id = ++lastId;
  const taken = algorithms.map((name) => {
    const known = threads.get(name);
    const thread = known === undefined || known.hasFailed ? new HashThread(name) : known;
    threads.set(name, thread);
    thread.users++;
    return [name, thread] as const;
  });
  return {
    async update(chunk) {
      await Promise.all(taken.map(([, thread]) => thread.ask({ id, chunk })));
    },
    async digest() {
      const found = taken.map(
        async ([name, thread]) => [name, await thread.ask({ id, chunk: null })] as const,
      );
      return Object.fromEntries(await Promise.all(found));
    },
    close() {
      for (const [name, thread] of taken) {
        if (--thread.users > 0) {
          thread.forget(id);
          continue;
        }
        if (threads.get(name) === thread) threads.delete(name);
        thread.end();
      }
    },
  };
}

/** A null chunk asks for the digest and ends the hash. */
interface Ask {
  readonly id: number;
  readonly chunk: Uint8Array | null;
}

class HashThread {
  users = 0;
  readonly #worker: Worker;
  /** The thread answers in the order in which it is asked. */
  readonly #asked: {
    readonly resolve: (hex: string) => void;
    readonly reject: (error: unknown) => void;
  }[] = [];
  #failure: Error | null = null;

  constructor(algorithm: Algorithm) {
    this.#worker = new Worker(threadSource, {
      eval: true,
      name: `hash-${algorithm}`,
      workerData: algorithm,
      // Neither options nor secrets of this program are the thread's.
      execArgv: [],
      env: {},
      resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 4 },
    });
    this.#worker.on('message', (hex: string) => this.#asked.shift()?.resolve(hex));
    this.#worker.on('error', (error) => this.#fail(error));
    this.#worker.on('exit', () => this.#fail(new Error('the thread has ended')));
  }

  get hasFailed(): boolean {
    return this.#failure !== null;
  }

  ask(ask: Ask): Promise<string> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#asked.push({ resolve, reject });
      this.#worker.postMessage(ask);
    });
  }

  /** Of a hash that nobody will ask for. */
  forget(id: number): void {
    this.ask({ id, chunk: null }).catch(() => {});
  }

  end(): void {
    void this.#worker.terminate();
  }

  #fail(cause: unknown): void {
    this.#failure ??= unavailable('The hashes of the image could not be made.', { cause });
    for (const { reject } of this.#asked.splice(0)) reject(this.#failure);
  }
}

/** Runs in the thread, from its text: control cannot read its own program any more once it has given up being root. */
function threadRun(
  { createHash: hashOf }: typeof import('node:crypto'),
  { parentPort, workerData }: typeof import('node:worker_threads'),
): void {
  const hashes = new Map<number, ReturnType<typeof createHash>>();
  parentPort?.on('message', ({ id, chunk }: Ask) => {
    const hash = hashes.get(id) ?? hashOf(workerData as string);
    if (chunk === null) {
      hashes.delete(id);
      parentPort.postMessage(hash.digest('hex'));
      return;
    }
    hashes.set(id, hash);
    hash.update(chunk);
    parentPort.postMessage('');
  });
}
const threadSource = `(${threadRun.toString()})(require('node:crypto'), require('node:worker_threads'))`;
