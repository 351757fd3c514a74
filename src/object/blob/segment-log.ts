import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { Ids } from '../../kernel/ids.ts';
import { folderSync } from './files.ts';
import { diskFull, fullDiskOf } from './disk-full.ts';

/** A segment that has grown so large takes no more. */
const segmentBytes = 256 << 20;
export const recordHeadBytes = 32;
const magic = Buffer.from('WLKS');

export interface RecordPlace {
  readonly segment: string;
  /** Of the record's bytes, behind its head. */
  readonly at: number;
}

interface Pending {
  readonly id: string;
  readonly bytes: Uint8Array;
  readonly resolve: (place: RecordPlace) => void;
  readonly reject: (error: unknown) => void;
}

interface Segment {
  readonly name: string;
  /** The same file in each folder. */
  readonly files: readonly FileHandle[];
  size: number;
}

/**
 * Small objects one behind the other in one file of this process: all that wait are written and synchronised together.
 * The same in every folder, at the same places.
 */
export class SegmentLog {
  readonly #folders: readonly string[];
  readonly #ids: Ids;
  readonly #onSegment: (name: string | null) => void;
  readonly #queue: Pending[] = [];
  #segment: Segment | null = null;
  #draining: Promise<void> | null = null;

  constructor(
    folders: readonly string[],
    ids: Ids,
    /** Told which segment takes records, before it does. */
    onSegment: (name: string | null) => void,
  ) {
    this.#folders = folders;
    this.#ids = ids;
    this.#onSegment = onSegment;
  }

  /** Resolves when the bytes survive a power cut. They must not change before. */
  append(id: string, bytes: Uint8Array): Promise<RecordPlace> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ id, bytes, resolve, reject });
      this.#draining ??= this.#drain();
    });
  }

  async close(): Promise<void> {
    while (this.#draining !== null) await this.#draining;
    await this.#seal();
  }

  async #drain(): Promise<void> {
    // Not at once: what was read from sockets in the same turn joins the group.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#queue.length > 0) {
      const group = this.#queue.splice(0, 256);
      try {
        await this.#write(group);
      } catch (error) {
        // What reached the disk is unknown: nothing more goes behind it.
        await this.#seal().catch(() => {});
        const failure = fullDiskOf(error);
        for (const { reject } of group) reject(failure);
      }
    }
    this.#draining = null;
  }

  async #write(group: readonly Pending[]): Promise<void> {
    if (this.#segment !== null && this.#segment.size >= segmentBytes) await this.#seal();
    const segment = (this.#segment ??= await this.#begin());
    const start = segment.size;
    const places: RecordPlace[] = [];
    const parts: Uint8Array[] = [];
    for (const { id, bytes } of group) {
      parts.push(recordHead(id, bytes), bytes);
      places.push({ segment: segment.name, at: segment.size + recordHeadBytes });
      segment.size += recordHeadBytes + bytes.length;
    }
    await Promise.all(segment.files.map((file) => partsWrite(file, parts, start)));
    for (const [index, { resolve }] of group.entries()) {
      const place = places[index];
      if (place !== undefined) resolve(place);
    }
  }

  async #begin(): Promise<Segment> {
    const name = this.#ids.uuid().replaceAll('-', '');
    this.#onSegment(name);
    const files: FileHandle[] = [];
    for (const folder of this.#folders) {
      files.push(await open(join(folder, name), 'wx', 0o600));
      await folderSync(folder);
    }
    return { name, files, size: 0 };
  }

  async #seal(): Promise<void> {
    const segment = this.#segment;
    this.#segment = null;
    this.#onSegment(null);
    for (const file of segment?.files ?? []) await file.close();
  }
}

/** For whoever looks at a segment without its database: magic, size, sum, id. */
function recordHead(id: string, bytes: Uint8Array): Buffer {
  const head = Buffer.alloc(recordHeadBytes);
  magic.copy(head);
  head.writeUInt32LE(bytes.length, 4);
  head.writeUInt32LE(crc32(bytes), 8);
  head.write(id, 16, 16, 'hex');
  return head;
}

async function partsWrite(
  file: FileHandle,
  parts: readonly Uint8Array[],
  start: number,
): Promise<void> {
  const wanted = parts.reduce((sum, { length }) => sum + length, 0);
  const { bytesWritten } = await file.writev(parts as Uint8Array[], start);
  // Only a disk that has no more room takes a part.
  if (bytesWritten !== wanted) throw diskFull();
  await file.datasync();
}
