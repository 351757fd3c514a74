import { createReadStream } from 'node:fs';
import { hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { Gate } from '../../kernel/gate.ts';
import {
  DamagedBlob,
  type Blob,
  type BlobRead,
  type BlobStore,
  type BlobWrite,
  type WrittenBlob,
} from './blob.model.ts';
import { sumOf } from './block-read.ts';
import { blocksStream, type BlockSource, type Stretch } from './block-stream.ts';
import { blockBytes, BlockSums, headTake } from './body-intake.ts';
import type { DiskBlobs } from './disk-blobs.ts';
import { MemoryBudget } from './memory-budget.ts';
import type { OutsideKeys } from './outside-keys.ts';

/** Another store that takes the bytes: S3 or what behaves like it. Keys are ids and are never used twice. */
export interface OutsideStore {
  write(key: string): Promise<OutsideWriter>;
  read(key: string, offset: number, lengthBytes: number): AsyncIterable<Uint8Array>;
  remove(key: string): Promise<void>;
  /** Only what is not whole under the key. */
  partsRemove(key: string): Promise<void>;
  /** Null: nothing whole is there. */
  sizeOf(key: string): Promise<number | null>;
  /** Of all that is there, whole or not. */
  keys(): AsyncIterable<string>;
}

export interface OutsideWriter {
  write(chunk: Uint8Array): Promise<void>;
  finish(): Promise<void>;
  abort(): Promise<void>;
}

/** So many large bodies are carried out at a time: a client of the other store holds parts of them. */
const carriersMax = 4;
const memoryBytes = 48 << 20;

/** What is new goes outside, once it is known where; what is on the disk is read from there, until it has been moved. */
export class OutsideBlobs implements BlobStore {
  readonly keys: OutsideKeys;
  #outside: OutsideStore | null = null;
  readonly #disk: DiskBlobs;
  readonly #small = new MemoryBudget(memoryBytes);
  readonly #read = new MemoryBudget(memoryBytes);
  readonly #carriers = new Gate(carriersMax);

  constructor(outside: OutsideStore | null, disk: DiskBlobs, keys: OutsideKeys) {
    this.#disk = disk;
    this.keys = keys;
    this.outsideUse(outside);
  }

  outsideUse(outside: OutsideStore | null): void {
    this.#outside = outside;
    this.#disk.worker.outsideTell(outside !== null);
  }

  get outside(): OutsideStore | null {
    return this.#outside;
  }

  pin(): Disposable {
    return this.#disk.pin();
  }

  async write(
    body: AsyncIterable<Uint8Array> | Uint8Array,
    options: BlobWrite,
  ): Promise<WrittenBlob> {
    const outside = this.#outside;
    if (outside === null) return this.#disk.write(body, options);
    const { hashes, key } = options;
    const id = this.keys.make();
    using share = this.#small.share();
    const { whole, rest } = await headTake(body, { ...options, headBytes: blockBytes, share });
    const sums = new BlockSums(id, { hashes, key, md5: true });
    if (rest === null) {
      if (whole.length === 0) return { blob: null, sizeBytes: 0, md5: hash('md5', whole, 'hex') };
      const stored = sums.take(whole);
      await carry(outside, id, [stored]);
    } else {
      share.give();
      // Clients may be slow, the other store is not: it gets what is here whole.
      await using spooled = await this.#disk.spool(id, { body: rest, sums, limits: options });
      await this.#carriers.pass(() =>
        carry(outside, id, createReadStream(spooled.path, { highWaterMark: blockBytes })),
      );
    }
    const { sizeBytes } = sums;
    const place = { place: 'outside', segment: null, at: 0 } as const;
    return { blob: { id, ...place, sizeBytes, sums: sums.sums() }, sizeBytes, md5: sums.md5() };
  }

  read(blob: Blob, options: BlobRead): AsyncIterable<Uint8Array> {
    if (blob.place !== 'outside') return this.#disk.read(blob, options);
    return blocksStream(outsideSource(this.#known()), blob, options, this.#read);
  }

  async readWhole(blob: Blob, options: BlobRead): Promise<Uint8Array> {
    if (blob.place !== 'outside') return this.#disk.readWhole(blob, options);
    return Buffer.concat(await Array.fromAsync(this.read(blob, options)));
  }

  async discard(blob: Blob): Promise<void> {
    if (blob.place === 'outside') await this.#known().remove(blob.id);
    else await this.#disk.discard(blob);
  }

  async remove(id: string): Promise<void> {
    await this.#disk.remove(id);
    await this.#outside?.remove(id);
  }

  #known(): OutsideStore {
    if (this.#outside !== null) return this.#outside;
    throw new Error('bytes are in another store, and nobody said in which');
  }
}

async function carry(
  outside: OutsideStore,
  id: string,
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<void> {
  const writer = await outside.write(id);
  try {
    for await (const chunk of chunks) await writer.write(chunk);
    await writer.finish();
  } catch (error) {
    await writer.abort().catch(() => {});
    throw error;
  }
}

/** A request for each block: a client that is slow to take it keeps nothing of the other store busy. */
function outsideSource(outside: OutsideStore): BlockSource {
  const stretch = async (blob: Blob, { block, at, sizeBytes }: Stretch): Promise<Buffer> => {
    const bytes = Buffer.allocUnsafeSlow(sizeBytes);
    let filledBytes = 0;
    for await (const chunk of outside.read(blob.id, block * blockBytes + at, sizeBytes)) {
      bytes.set(chunk, filledBytes);
      filledBytes += chunk.length;
    }
    if (filledBytes === sizeBytes) return bytes;
    throw new DamagedBlob(`${blob.id} is shorter outside than it was`);
  };
  return {
    stretch,
    async block(blob, number) {
      const sizeBytes = Math.min(blockBytes, blob.sizeBytes - number * blockBytes);
      const bytes = await stretch(blob, { block: number, at: 0, sizeBytes });
      if (crc32(bytes) === sumOf(blob, number)) return bytes;
      throw new DamagedBlob(`block ${number} of ${blob.id} differs outside from its sum`);
    },
  };
}
