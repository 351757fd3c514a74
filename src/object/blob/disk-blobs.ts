import { hash } from 'node:crypto';
import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Clock } from '../../kernel/clock.ts';
import type { Ids } from '../../kernel/ids.ts';
import type { Log } from '../../kernel/log.ts';
import type { Blob, BlobRead, BlobStore, BlobWrite, WrittenBlob } from './blob.model.ts';
import { blockBytes, bodyLimited, BlockSums, headTake } from './body-intake.ts';
import { blockRead, BlockReader } from './block-read.ts';
import { blocksStream, type Stretch } from './block-stream.ts';
import { bodyStore } from './body-store.ts';
import { fullDiskOf } from './disk-full.ts';
import { DiskRoom } from './disk-room.ts';
import { FileCache } from './file-cache.ts';
import { blobFolder, blobFolderMake, folderSync, wholeWrite, type BlobFolder } from './files.ts';
import { MemoryBudget } from './memory-budget.ts';
import { SegmentLog } from './segment-log.ts';
import { WorkerFile } from './worker-file.ts';

/** Larger ones are files of their own: a segment is to hold many. */
export const smallBytes = 128 << 10;

/** That bodies under way may hold: small ones, large ones that come in, and what is read. */
const memoryBytes = 48 << 20;

export interface DiskBlobsOptions {
  /** The first is read; the others hold the same and mend it. */
  readonly folders: readonly [string, ...string[]];
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
}

export interface FileIntake {
  readonly body: AsyncIterable<Uint8Array>;
  readonly sums: BlockSums;
  readonly limits: Pick<BlobWrite, 'sizeBytes' | 'limitBytes'>;
}

export interface Spooled extends AsyncDisposable {
  readonly path: string;
}

/** Bytes on disks of this machine: small ones in segment logs, others in files; in every folder the same. */
export class DiskBlobs implements BlobStore {
  readonly folders: readonly BlobFolder[];
  readonly worker: WorkerFile;
  readonly segments: SegmentLog;
  readonly #files = new FileCache();
  readonly #reader: BlockReader;
  readonly #rooms: readonly DiskRoom[];
  readonly #clock: Clock;
  readonly #memory = {
    small: new MemoryBudget(memoryBytes),
    large: new MemoryBudget(memoryBytes),
    read: new MemoryBudget(memoryBytes),
  };
  readonly #ids: Ids;
  readonly #log: Log;

  constructor({ folders, clock, ids, log }: DiskBlobsOptions) {
    this.folders = folders.map(blobFolder);
    for (const folder of this.folders) blobFolderMake(folder);
    this.worker = new WorkerFile(folders[0], ids.uuid(), { clock, log });
    const logs = this.folders.map(({ segments }) => segments);
    this.segments = new SegmentLog(logs, ids, (name) => this.worker.segmentSet(name));
    this.#rooms = folders.map((folder) => new DiskRoom(folder, clock));
    this.#reader = new BlockReader(clock);
    this.#clock = clock;
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
    using share = this.#memory.small.share();
    const { whole, rest } = await headTake(body, { ...options, headBytes: smallBytes, share });
    try {
      if (rest === null) return await this.#smallWrite(id, whole, options);
      share.give();
      return await this.#fileWrite(id, rest, options);
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

  read(blob: Blob, options: BlobRead): AsyncIterable<Uint8Array> {
    return blocksStream(this, blob, options, this.#memory.read);
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

  /** Bytes of a block, held against nothing. */
  async stretch(blob: Blob, { block, at, sizeBytes }: Stretch): Promise<Buffer> {
    const [folder] = this.folders;
    if (folder === undefined) throw new Error('there is no folder');
    const bytes = Buffer.allocUnsafeSlow(sizeBytes);
    const position = blob.at + block * blockBytes + at;
    await this.#files.use(this.pathOf(folder, blob), (file) =>
      file.read(bytes, 0, sizeBytes, position),
    );
    return bytes;
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

  /** A body that somebody else carries on: here until it is disposed of, and not synchronised. */
  async spool(id: string, intake: FileIntake): Promise<Spooled> {
    for (const room of this.#rooms) await room.check();
    const path = join(this.folders[0]?.incoming ?? '', id);
    try {
      const files = await this.#filesFill([path], intake);
      for (const file of files) await file.close();
    } catch (error) {
      await rm(path, { force: true });
      throw fullDiskOf(error);
    }
    return { path, [Symbol.asyncDispose]: () => rm(path, { force: true }) };
  }

  async #fileWrite(
    id: string,
    body: AsyncIterable<Uint8Array>,
    options: BlobWrite,
  ): Promise<WrittenBlob> {
    const sums = new BlockSums(id, { ...options, md5: true });
    const temporary = this.folders.map(({ incoming }) => join(incoming, id));
    try {
      const files = await this.#filesFill(temporary, { body, sums, limits: options });
      try {
        await Promise.all(files.map((file) => file.datasync()));
      } finally {
        await allClose(files);
      }
      for (const [index, folder] of this.folders.entries()) {
        await rename(temporary[index] ?? '', folder.file(id));
        await folderSync(dirname(folder.file(id)));
      }
    } catch (error) {
      for (const path of temporary) await rm(path, { force: true });
      await this.remove(id);
      throw error;
    }
    const { sizeBytes } = sums;
    const place = { place: 'file', segment: null, at: 0 } as const;
    return { blob: { id, ...place, sizeBytes, sums: sums.sums() }, sizeBytes, md5: sums.md5() };
  }

  /** The same into each; they are the caller's to close. */
  async #filesFill(
    paths: readonly string[],
    { body, sums, limits }: FileIntake,
  ): Promise<FileHandle[]> {
    const files: FileHandle[] = [];
    try {
      for (const path of paths) files.push(await open(path, 'wx', 0o600));
      const sink = (bytes: Uint8Array): Promise<unknown> =>
        Promise.all(files.map((file) => wholeWrite(file, bytes)));
      const parts = { budget: this.#memory.large, clock: this.#clock };
      await bodyStore(body, { check: bodyLimited(limits), sums, sink, ...parts });
      return files;
    } catch (error) {
      await allClose(files);
      throw error;
    }
  }
}

async function allClose(files: readonly FileHandle[]): Promise<void> {
  await Promise.allSettled(files.map((file) => file.close()));
}
