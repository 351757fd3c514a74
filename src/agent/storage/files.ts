import { constants } from 'node:fs';
import { open, readFile, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AgentFailure } from '../failure.ts';

export const errnoOf = (error: unknown): string | null =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null;

/** A full disk is the operator's business and gets its own code, wherever it shows. */
export function asNoSpace(error: unknown, doing: string): unknown {
  const code = errnoOf(error);
  const isFull =
    code === 'ENOSPC' ||
    code === 'EDQUOT' ||
    (error instanceof Error && /No space left on device|Disk quota exceeded/.test(error.message));
  return isFull
    ? new AgentFailure('no_space', `The disk of the host is full: ${doing}`, error)
    : error;
}

export interface FileOptions {
  readonly mode?: number;
  readonly owner?: { readonly uid: number; readonly gid: number };
  /** False: survives the end of this process but not a power cut. */
  readonly isDurable?: boolean;
}

/** Makes the file whole or not at all: writes under another name, then renames. */
export async function fileReplace(
  path: string,
  write: (file: FileHandle) => Promise<void>,
  { mode = 0o600, owner, isDurable = true }: FileOptions = {},
): Promise<void> {
  const temporary = `${path}.tmp`;
  try {
    await rm(temporary, { force: true });
    const file = await open(temporary, 'wx', mode);
    try {
      if (owner !== undefined) await file.chown(owner.uid, owner.gid);
      await write(file);
      if (isDurable) await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw asNoSpace(error, `writing ${path}`);
  }
  if (isDurable) await directorySync(dirname(path));
}

/** A write that meets the end of the disk writes a part first, without an error. */
export async function writeAll(
  file: FileHandle,
  bytes: Uint8Array,
  position: number,
): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    const { bytesWritten } = await file.write(bytes, at, bytes.length - at, position + at);
    at += bytesWritten;
  }
}

export const jsonWrite = (path: string, value: unknown, options: FileOptions = {}): Promise<void> =>
  fileReplace(path, (file) => file.writeFile(JSON.stringify(value)), options);

/** Null: there is no such file. What cannot be read as JSON throws. */
export async function jsonRead<T>(path: string): Promise<T | null> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as T;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw error;
  }
}

/** Null: there is no such file. */
export async function fileTimes(
  path: string,
): Promise<{ readonly changedAt: number; readonly readAt: number } | null> {
  try {
    const { mtimeMs, atimeMs } = await stat(path);
    return { changedAt: mtimeMs, readAt: atimeMs };
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw error;
  }
}

export async function directorySync(path: string): Promise<void> {
  const directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** Reads of a file that a guest's process may have replaced follow no link and block on no pipe. */
export const openUntrusted = (
  path: string,
  flags: number = constants.O_RDONLY,
): Promise<FileHandle> => open(path, flags | constants.O_NOFOLLOW | constants.O_NONBLOCK);
