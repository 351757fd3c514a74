import { hash } from 'node:crypto';
import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Clock } from '../../kernel/clock.ts';
import type { Ids } from '../../kernel/ids.ts';
import type { Log } from '../../kernel/log.ts';
import type { Blob, BlobRead, BlobStore, BlobWrite, WrittenBlob } from './blob.model.ts';
import {
  blockBytes,
  blockPair,
  bodyLimited,
  blocksOf,
  BlockSums,
  headTake,
} from './body-intake.ts';
import { blockDecipher, blockRead, BlockReader, blocksIn } from './block-read.ts';
import { fullDiskOf } from './disk-full.ts';
import { DiskRoom } from './disk-room.ts';
import { FileCache } from './file-cache.ts';
import { blobFolder, blobFolderMake, folderSync, wholeWrite, type BlobFolder } from './files.ts';
import { SegmentLog } from './segment-log.ts';
import { WorkerFile } from './worker-file.ts';

/** Larger ones are files of their own: a segment is to hold many. */
export const smallBytes = 128 << 10;

export interface DiskBlobsOptions {
  /** The first is read; the others hold the same and mend it. */
  readonly folders: readonly [string, ...string[]];
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
}

/** Bytes on disks of this machine: small ones in segment logs, others in files; in every folder the same. */
export class DiskBlobs implements BlobStore {
  readonly folders: readonly BlobFolder[];
  readonly worker: WorkerFile;
  readonly segments: SegmentLog;
  readonly #files = new FileCache();
  readonly #reader: BlockReader;
  readonly #rooms: readonly DiskRoom[];
  readonly #ids: Ids;
  readonly #log: Log;

  constructor({ folders, clock, ids, log }: DiskBlobsOptions) {
    this.folders = folders.map(blobFolder);
    for (const folder of this.folders) blobFolderMake(folder);
    this.worker = new WorkerFile(folders[0], ids.uuid(), clock);
    const logs = this.folders.map(({ segments }) => segments);
    this.segments = new SegmentLog(logs, ids, (name) => this.worker.segmentSet(name));
    this.#rooms = folders.map((folder) => new DiskRoom(folder, clock));
    this.#reader = new BlockReader(clock);
    this.#ids = ids;
    this.#log = log;
  }

  async close(): Promise<void> {
    await this.segments.close();
    this.#files.close();
    this.worker.close();
  }

  pin(): Disposable {
    return this.worker.pin();
  }

  async write(
    body: AsyncIterable<Uint8Array> | Uint8Array,
    options: BlobWrite,
  ): Promise<WrittenBlob> {
    for (const room of this.#rooms) await room.check();
    const id = this.#ids.uuid().replaceAll('-', '');
    const { head, rest } = await headTake(body, options, smallBytes);
    try {
      if (rest === null) return await this.#smallWrite(id, head, options);
      return await this.#fileWrite(id, { head, rest }, options);
    } catch (error) {
      throw fullDiskOf(error);
    }
  }

  async discard({ id, place }: Blob): Promise<void> {
    // A record stays in its segment until that is compacted.
    if (place === 'file') await this.remove(id);
  }

  async remove(id: string): Promise<void> {
    for (const folder of this.folders) await rm(folder.file(id), { force: true });
  }

  pathOf(folder: BlobFolder, { id, place, segment }: Blob): string {
    if (place === 'segment') return join(folder.segments, segment ?? '');
    return folder.file(id);
  }

  async *read(blob: Blob, { range, key }: BlobRead): AsyncIterable<Uint8Array> {
    const decipher = blockDecipher(key, blob.id, range);
    for (const { number, start, end } of blocksIn(range)) {
      const stored = await this.block(blob, number);
      const plain = decipher === null ? stored : decipher.update(stored);
      // Whole where it can be: such a chunk's memory can be given back at once.
      yield start === 0 && end >= plain.length ? plain : plain.subarray(start, end);
    }
  }

  async readWhole(blob: Blob, options: BlobRead): Promise<Uint8Array> {
    if (options.key === null && options.range.last < blockBytes) {
      const block = await this.block(blob, 0);
      return block.subarray(options.range.first, options.range.last + 1);
    }
    return Buffer.concat(await Array.fromAsync(this.read(blob, options)));
  }

  /** One block, good; from another folder when the first has it no more. */
  async block(blob: Blob, number: number): Promise<Buffer> {
    let failure: unknown;
    for (const [index, folder] of this.folders.entries()) {
      try {
        return await this.blockIn(folder, blob, number);
      } catch (error) {
        failure = error;
        this.#log.error('stored bytes are damaged', {
          blob: blob.id,
          block: number,
          path: this.pathOf(folder, blob),
          copiesLeft: this.folders.length - index - 1,
          error: String(error),
        });
      }
    }
    throw failure;
  }

  blockIn(folder: BlobFolder, blob: Blob, number: number): Promise<Buffer> {
    const path = this.pathOf(folder, blob);
    return this.#files.use(path, (file) => blockRead(this.#reader, file, blob, number));
  }

  forget(path: string): void {
    this.#files.forget(path);
  }

  async #smallWrite(id: string, bytes: Buffer, options: BlobWrite): Promise<WrittenBlob> {
    const { hashes, key } = options;
    const sums = new BlockSums(id, { hashes, key, md5: false });
    const md5 = hash('md5', bytes, 'hex');
    if (bytes.length === 0) return { blob: null, sizeBytes: 0, md5 };
    const stored = sums.take(bytes);
    const place = await this.segments.append(id, stored);
    const sizeBytes = bytes.length;
    const blob: Blob = { id, place: 'segment', ...place, sizeBytes, sums: sums.sums() };
    return { blob, sizeBytes, md5 };
  }

  async #fileWrite(
    id: string,
    body: { readonly head: Buffer; readonly rest: AsyncIterable<Uint8Array> },
    { hashes, key, ...limits }: BlobWrite,
  ): Promise<WrittenBlob> {
    const sums = new BlockSums(id, { hashes, key, md5: true });
    const files: FileHandle[] = [];
    const temporary = this.folders.map(({ incoming }) => join(incoming, id));
    // Given back when the files are closed, which waits for what is being written.
    using pair = blockPair();
    try {
      for (const path of temporary) files.push(await open(path, 'wx', 0o600));
      await blocksWrite(files, blocksOf(body, bodyLimited(limits), pair), sums);
      await Promise.all(files.map((file) => file.datasync()));
      for (const file of files.splice(0)) await file.close();
      for (const [index, folder] of this.folders.entries()) {
        await rename(temporary[index] ?? '', folder.file(id));
        await folderSync(dirname(folder.file(id)));
      }
    } catch (error) {
      await Promise.allSettled(files.map((file) => file.close()));
      for (const path of temporary) await rm(path, { force: true });
      await this.remove(id);
      throw error;
    }
    const { sizeBytes } = sums;
    const place = { place: 'file', segment: null, at: 0 } as const;
    return { blob: { id, ...place, sizeBytes, sums: sums.sums() }, sizeBytes, md5: sums.md5() };
  }
}

/** Two buffers: one is written while the other fills. */
async function blocksWrite(
  files: readonly FileHandle[],
  blocks: AsyncIterable<Buffer>,
  sums: BlockSums,
): Promise<void> {
  let written: Promise<unknown> = Promise.resolve();
  for await (const block of blocks) {
    const stored = sums.take(block);
    await written;
    written = Promise.all(files.map((file) => wholeWrite(file, stored)));
    // Its failure is met at the next block; until then nobody waits for it.
    written.catch(() => {});
  }
  await written;
}
