/**
 * What a disk holds after a power cut: files as they were synced, under the names that their directories had when those
 * were synced. Records what this process does with files; `powerCut` undoes what was not on the disk.
 */
import { renameSync, rmSync, truncateSync } from 'node:fs';
import fs, { type FileHandle } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { dirname } from 'node:path';

/** Files whose last bytes were not synced. */
const dirty = new Set<string>();
/** Changes of a directory that were not synced, oldest first. */
const pending = new Map<string, (() => void)[]>();

const pend = (path: string, undo: () => void): void => {
  const directory = dirname(path);
  pending.set(directory, [...(pending.get(directory) ?? []), undo]);
};

function handleRecord(handle: FileHandle, path: string): FileHandle {
  const write = handle.write.bind(handle);
  const [sync, datasync] = [handle.sync.bind(handle), handle.datasync.bind(handle)];
  const synced = (): void => {
    dirty.delete(path);
    pending.delete(path);
  };
  return Object.assign(handle, {
    write(...words: Parameters<typeof write>) {
      dirty.add(path);
      return write(...words);
    },
    sync: () => sync().then(synced),
    datasync: () => datasync().then(synced),
  });
}

export function powerRecord(): void {
  const { open, rename } = fs;
  Object.assign(fs, {
    async open(path: string, flags = 'r', mode?: number) {
      const handle = await open(path, flags, mode);
      if (flags.includes('w')) {
        dirty.add(path);
        pend(path, () => rmSync(path, { force: true }));
      }
      return handleRecord(handle, path);
    },
    async rename(from: string, to: string) {
      await rename(from, to);
      if (dirty.delete(from)) dirty.add(to);
      pend(to, () => renameSync(to, from));
    },
  });
  syncBuiltinESMExports();
}

export function powerCut(): void {
  for (const path of dirty) {
    try {
      truncateSync(path, 0);
    } catch {
      // Removed since.
    }
  }
  for (const undos of pending.values()) {
    for (const undo of undos.toReversed()) {
      try {
        undo();
      } catch {
        // Removed since.
      }
    }
  }
}
