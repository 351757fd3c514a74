import { createDecipheriv, type Decipheriv } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
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
import { blockBytes, blocksOf, BlockSums, bodyLimited, counterOf } from './body-intake.ts';
import { fullDiskOf } from './disk-full.ts';

/** Files in 256 folders by the last two digits of their ids. */
export class DiskBlobs implements BlobStore {
  readonly #folder: string;
  readonly #ids: Ids;

  constructor(folder: string, ids: Ids) {
    this.#folder = folder;
    this.#ids = ids;
    mkdirSync(join(folder, 'incoming'), { recursive: true });
    for (let n = 0; n < 256; n++) {
      mkdirSync(join(folder, 'files', n.toString(16).padStart(2, '0')), { recursive: true });
    }
  }

  pin(): Disposable {
    return { [Symbol.dispose]() {} };
  }

  async write(
    body: AsyncIterable<Uint8Array> | Uint8Array,
    options: BlobWrite,
  ): Promise<WrittenBlob> {
    const id = this.#ids.uuid().replaceAll('-', '');
    const sums = new BlockSums(id, options);
    const temporary = join(this.#folder, 'incoming', id);
    const stream = bodyLimited(Symbol.asyncIterator in body ? body : onceOf(body), options);
    let file: FileHandle | null = null;
    try {
      file = await open(temporary, 'wx', 0o600);
      await blocksWrite(file, stream, sums);
      if (sums.sizeBytes > 0) await file.datasync();
      await file.close();
      file = null;
      const written = { sizeBytes: sums.sizeBytes, md5: sums.md5() };
      if (sums.sizeBytes === 0) {
        await rm(temporary);
        return { blob: null, ...written };
      }
      await rename(temporary, this.#path(id));
      await folderSync(join(this.#path(id), '..'));
      const blob: Blob = {
        id,
        place: 'file',
        segment: null,
        at: 0,
        sizeBytes: sums.sizeBytes,
        sums: sums.sums(),
      };
      return { blob, ...written };
    } catch (error) {
      await file?.close();
      await rm(temporary, { force: true });
      throw fullDiskOf(error);
    }
  }

  async discard({ id }: Blob): Promise<void> {
    await rm(this.#path(id), { force: true });
  }

  async *read(blob: Blob, { range, key }: BlobRead): AsyncIterable<Uint8Array> {
    const file = await open(this.#path(blob.id), 'r');
    try {
      const firstBlock = Math.floor(range.first / blockBytes);
      const lastBlock = Math.floor(range.last / blockBytes);
      const decipher = key === null ? null : decipherAt(key, blob.id, firstBlock * blockBytes);
      for (let n = firstBlock; n <= lastBlock; n++) {
        const stored = await blockRead(file, blob, n);
        const plain = decipher === null ? stored : decipher.update(stored);
        const start = n === firstBlock ? range.first - n * blockBytes : 0;
        const end = n === lastBlock ? range.last - n * blockBytes + 1 : plain.length;
        yield plain.subarray(start, end);
      }
    } finally {
      await file.close();
    }
  }

  async readWhole(blob: Blob, options: BlobRead): Promise<Uint8Array> {
    return Buffer.concat(await Array.fromAsync(this.read(blob, options)));
  }

  #path(id: string): string {
    return join(this.#folder, 'files', id.slice(-2), id);
  }
}

// oxlint-disable-next-line require-await -- a body that is there already, as a stream
async function* onceOf(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}

/** Two buffers: one is written while the other fills. */
async function blocksWrite(
  file: FileHandle,
  body: AsyncIterable<Uint8Array>,
  sums: BlockSums,
): Promise<void> {
  const [first, second] = [Buffer.allocUnsafeSlow(blockBytes), Buffer.allocUnsafeSlow(blockBytes)];
  let turn = 0;
  let written: Promise<unknown> = Promise.resolve();
  for await (const block of blocksOf(body, () => (turn++ % 2 === 0 ? first : second))) {
    const stored = sums.take(block);
    await written;
    written = wholeWrite(file, stored);
    // Its failure is met at the next block; until then nobody waits for it.
    written.catch(() => {});
  }
  await written;
}

async function wholeWrite(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    at += (await file.write(bytes, at, bytes.length - at)).bytesWritten;
  }
}

async function blockRead(file: FileHandle, blob: Blob, n: number): Promise<Buffer> {
  const size = Math.min(blockBytes, blob.sizeBytes - n * blockBytes);
  const block = Buffer.allocUnsafeSlow(size);
  const { bytesRead } = await file.read(block, 0, size, blob.at + n * blockBytes);
  const wanted = Buffer.from(blob.sums).readUInt32LE(n * 4);
  if (bytesRead === size && crc32(block) === wanted) return block;
  throw new DamagedBlob(`block ${n} of ${blob.id} differs from its sum`);
}

function decipherAt(key: Uint8Array, id: string, offset: number): Decipheriv {
  return createDecipheriv('aes-256-ctr', key, counterOf(id, offset));
}

async function folderSync(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
