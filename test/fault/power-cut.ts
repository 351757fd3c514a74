/**
 * What a disk holds after a power cut: files as they were synced, under the names that their directories had when those
 * were synced. Records what this process does with files; `powerCut` undoes what was not on the disk.
 */
import { linkSync, mkdirSync, renameSync, rmSync, truncateSync } from 'node:fs';
import fs, { type FileHandle } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { dirname, join } from 'node:path';

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

let removals = 0;

/** A second name for what is removed, for the disk that never heard of it; null: there is nothing to remove. */
function keep(path: string): (() => void) | null {
  const folder = join(dirname(dirname(path)), 'kept');
  mkdirSync(folder, { recursive: true });
  const kept = join(folder, String(removals++));
  try {
    linkSync(path, kept);
  } catch {
    return null;
  }
  if (dirty.delete(path)) dirty.add(kept);
  return () => linkSync(kept, path);
}

export function powerRecord(): void {
  const { open, rename, rm } = fs;
  Object.assign(fs, {
    async open(path: string, flags: string | number = 'r', mode?: number) {
      const handle = await open(path, flags, mode);
      if (String(flags).includes('w')) {
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
    async rm(path: string, options?: Parameters<typeof rm>[1]) {
      const undo = keep(path);
      await rm(path, options);
      if (undo !== null) pend(path, undo);
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
