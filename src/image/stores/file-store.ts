import { constants } from 'node:fs';
import { mkdir, open, opendir, rename, rm, stat, statfs, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Failure, unavailable } from '../../kernel/errors.ts';
import { bufferTake } from '../../kernel/buffer-free.ts';
import { isOfPages, pageBytes } from '../../kernel/buffer-pages.ts';
import type { ByteRange } from '../image.model.ts';
import type { ImageStore, StoreWriter } from './image-store.ts';

/** So many files that were read of late are remembered, of all stores. */
const readLatelyMost = 1_000;
/** How often the free space is looked at while bytes come in. */
const spaceCheckBytes = 64 << 20;
const partSuffix = '.part';
/** Less is read to judge a file, not to hand it out. */
const directReadBytes = 4 << 20;

export interface FileStoreOptions {
  readonly id: string;
  readonly directory: string;
  /** Kept free for the databases and logs that share the file system. */
  readonly reserveBytes: number;
}

/** A store whose files a program on this machine can read and make. */
export interface StagingStore extends ImageStore {
  pathOf(key: string): string;
  /** Where a file is made before it is complete; the directory is there when this resolves. */
  partPathMake(key: string): Promise<string>;
  /** The file made there is complete and survives a power cut when this resolves. */
  seal(key: string): Promise<void>;
}

/** One file per image, in one directory. A file without `.part` is complete and on the disk. */
export function fileStore({ id, directory, reserveBytes }: FileStoreOptions): StagingStore {
  return {
    pathOf: (key) => join(directory, key),
    async partPathMake(key) {
      await directoryMake(directory);
      await spaceCheck(directory, reserveBytes);
      return join(directory, key + partSuffix);
    },
    async seal(key) {
      const path = join(directory, key);
      const file = await open(path + partSuffix, 'r+');
      try {
        await fullDiskRefused(file.datasync());
      } finally {
        await file.close();
      }
      await rename(path + partSuffix, path);
      await directorySync(directory);
    },
    id,
    type: 'file',
    description: 'Files on the disk of the controller',
    properties: { data_dir: directory },
    urlOf: (key) => `file://${join(directory, key)}`,
    write: (key) => fileWriter(directory, key, reserveBytes),
    async sizeOf(key) {
      try {
        return (await stat(join(directory, key))).size;
      } catch (error) {
        if (codeOf(error) === 'ENOENT') return null;
        throw unavailable('The image store does not answer.', { cause: error });
      }
    },
    read: (key, offset, lengthBytes) => fileRead(join(directory, key), { offset, lengthBytes }),
    async remove(key) {
      await rm(join(directory, key + partSuffix), { force: true });
      await rm(join(directory, key), { force: true });
    },
    async *keys() {
      await mkdir(directory, { recursive: true });
      for await (const entry of await opendir(directory)) {
        if (entry.isFile()) yield entry.name.replace(/\.part$/, '');
      }
    },
  };
}

async function* fileRead(
  path: string,
  { offset, lengthBytes }: ByteRange,
): AsyncIterable<Uint8Array> {
  let file: FileHandle;
  try {
    file = await readOpen(path, { offset, lengthBytes });
  } catch (cause) {
    throw unavailable('The image store does not answer.', { cause });
  }
  try {
    for (let at = offset, left = lengthBytes; left > 0;) {
      // A new buffer each time: the socket may still be sending the last one. Whole pages, also at the end.
      const buffer = bufferTake();
      const { bytesRead } = await file.read(buffer, 0, buffer.length, at);
      if (bytesRead === 0) throw new Error(`${path} is shorter than its record says`);
      const chunk = buffer.subarray(0, Math.min(bytesRead, left));
      at += chunk.length;
      left -= chunk.length;
      yield chunk;
    }
  } finally {
    await file.close();
  }
}

const readLately = new Set<string>();

/**
 * Most images are read once, by the one host that needs them, which is cheaper past the page cache; what is read again
 * is kept there.
 */
async function readOpen(path: string, { offset, lengthBytes }: ByteRange): Promise<FileHandle> {
  const isFirst = !readLately.has(path);
  if (isFirst && offset % pageBytes === 0 && lengthBytes >= directReadBytes) {
    const [oldest = ''] = readLately;
    if (readLately.size >= readLatelyMost) readLately.delete(oldest);
    readLately.add(path);
    const direct = await directOpen(path, constants.O_RDONLY);
    if (direct !== null) return direct;
  }
  return open(path, 'r');
}

async function fileWriter(
  directory: string,
  key: string,
  reserveBytes: number,
): Promise<StoreWriter> {
  await directoryMake(directory);
  const path = join(directory, key);
  const part = path + partSuffix;
  await spaceCheck(directory, reserveBytes);
  const file = await fullDiskRefused(open(part, 'wx', 0o600));
  const direct = await directOpen(part, constants.O_WRONLY);
  let isDirect = direct !== null;
  let uncheckedBytes = 0;
  let sizeBytes = 0;
  const close = async (): Promise<void> => {
    await direct?.close();
    await file.close();
  };
  const partWrite = async (part: Uint8Array): Promise<number> => {
    if (direct !== null && isDirect && isDirectable(part, sizeBytes)) {
      try {
        return (await direct.write(part, 0, part.length, sizeBytes)).bytesWritten;
      } catch (error) {
        if (codeOf(error) !== 'EINVAL') throw error;
        isDirect = false;
      }
    }
    return (await file.write(part, 0, part.length, sizeBytes)).bytesWritten;
  };
  return {
    async write(chunk) {
      uncheckedBytes += chunk.length;
      if (uncheckedBytes >= spaceCheckBytes) {
        uncheckedBytes = 0;
        await spaceCheck(directory, reserveBytes);
      }
      for (let at = 0; at < chunk.length;) {
        const bytesWritten = await fullDiskRefused(partWrite(chunk.subarray(at)));
        at += bytesWritten;
        sizeBytes += bytesWritten;
      }
    },
    async finish() {
      await fullDiskRefused(file.datasync());
      await close();
      await rename(part, path);
      await directorySync(directory);
    },
    async abort() {
      await close();
      await rm(part, { force: true });
    },
  };
}

/**
 * Past the page cache, which would cost more than the rest of the writing and make `finish` wait for all of it at once.
 * Null: this file system has no such thing.
 */
async function directOpen(path: string, mode: number): Promise<FileHandle | null> {
  try {
    return await open(path, mode | constants.O_DIRECT);
  } catch (error) {
    if (codeOf(error) === 'EINVAL') return null;
    throw error;
  }
}

const isDirectable = (chunk: Uint8Array, offset: number): boolean =>
  isOfPages(chunk) && offset % pageBytes === 0;

async function directoryMake(directory: string): Promise<void> {
  const made = await mkdir(directory, { recursive: true });
  if (made !== undefined) await directorySync(dirname(made));
}

/** A rename is only on the disk when its directory is. */
async function directorySync(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function spaceCheck(directory: string, reserveBytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(directory);
  if (bavail * bsize < reserveBytes) throw storeFull();
}

async function fullDiskRefused<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (['ENOSPC', 'EDQUOT', 'EFBIG'].includes(codeOf(error))) throw storeFull(error);
    throw error;
  }
}

const storeFull = (cause?: unknown): Failure =>
  new Failure(
    'too_large',
    'Image storage media is full: There is not enough disk space on the image storage media.',
    { type: 'StorageFull', cause },
  );

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : '';
