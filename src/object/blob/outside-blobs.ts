import { hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { Ids } from '../../kernel/ids.ts';
import {
  DamagedBlob,
  type Blob,
  type BlobRead,
  type BlobStore,
  type BlobWrite,
  type WrittenBlob,
} from './blob.model.ts';
import { blockDecipher, blocksIn, sumOf } from './block-read.ts';
import {
  blockBytes,
  bodyLimited,
  blockPair,
  blocksOf,
  BlockSums,
  headTake,
} from './body-intake.ts';
import type { DiskBlobs } from './disk-blobs.ts';

/** Another store that takes the bytes: S3 or what behaves like it. Keys are ids and are never used twice. */
export interface OutsideStore {
  write(key: string): Promise<OutsideWriter>;
  read(key: string, offset: number, lengthBytes: number): AsyncIterable<Uint8Array>;
  remove(key: string): Promise<void>;
}

export interface OutsideWriter {
  write(chunk: Uint8Array): Promise<void>;
  finish(): Promise<void>;
  abort(): Promise<void>;
}

/** What is new goes outside; what is on the disk is read from there, until it has been moved. */
export class OutsideBlobs implements BlobStore {
  readonly outside: OutsideStore;
  readonly #disk: DiskBlobs;
  readonly #ids: Ids;

  constructor(outside: OutsideStore, disk: DiskBlobs, ids: Ids) {
    this.outside = outside;
    this.#disk = disk;
    this.#ids = ids;
  }

  pin(): Disposable {
    return this.#disk.pin();
  }

  async write(
    body: AsyncIterable<Uint8Array> | Uint8Array,
    options: BlobWrite,
  ): Promise<WrittenBlob> {
    const { hashes, key, ...limits } = options;
    const id = this.#ids.uuid().replaceAll('-', '');
    const { head, rest } = await headTake(body, options, blockBytes);
    if (rest === null && head.length === 0) {
      return { blob: null, sizeBytes: 0, md5: hash('md5', head, 'hex') };
    }
    const sums = new BlockSums(id, { hashes, key, md5: true });
    const writer = await this.outside.write(id);
    // Not given back by hand: a client of the other store may hold what it has not sent.
    const pair = blockPair();
    try {
      const all = { head, rest: rest ?? noMore() };
      for await (const block of blocksOf(all, bodyLimited(limits), pair)) {
        await writer.write(sums.take(block));
      }
      await writer.finish();
    } catch (error) {
      await writer.abort().catch(() => {});
      throw error;
    }
    const { sizeBytes } = sums;
    const place = { place: 'outside', segment: null, at: 0 } as const;
    return { blob: { id, ...place, sizeBytes, sums: sums.sums() }, sizeBytes, md5: sums.md5() };
  }

  async *read(blob: Blob, options: BlobRead): AsyncIterable<Uint8Array> {
    if (blob.place !== 'outside') {
      yield* this.#disk.read(blob, options);
      return;
    }
    const decipher = blockDecipher(options.key, blob.id, options.range);
    const parts = [...blocksIn(options.range)];
    const first = (parts[0]?.number ?? 0) * blockBytes;
    const end = Math.min(((parts.at(-1)?.number ?? 0) + 1) * blockBytes, blob.sizeBytes);
    const bytes = this.outside.read(blob.id, first, end - first);
    let index = 0;
    // Two buffers take turns in there: what is given out is a copy.
    for await (const block of blocksOf(
      { head: Buffer.alloc(0), rest: bytes },
      () => {},
      blockPair(),
    )) {
      const part = parts[index++];
      if (part === undefined || crc32(block) !== sumOf(blob, part.number)) break;
      const plain = decipher === null ? Buffer.from(block) : decipher.update(block);
      yield plain.subarray(part.start, part.end);
    }
    if (index !== parts.length || parts.length === 0) {
      throw new DamagedBlob(`${blob.id} differs from its sums, or is shorter`);
    }
  }

  async readWhole(blob: Blob, options: BlobRead): Promise<Uint8Array> {
    if (blob.place !== 'outside') return this.#disk.readWhole(blob, options);
    return Buffer.concat(await Array.fromAsync(this.read(blob, options)));
  }

  async discard(blob: Blob): Promise<void> {
    if (blob.place === 'outside') await this.outside.remove(blob.id);
    else await this.#disk.discard(blob);
  }

  async remove(id: string): Promise<void> {
    await this.#disk.remove(id);
    await this.outside.remove(id);
  }
}

async function* noMore(): AsyncIterable<Uint8Array> {}
