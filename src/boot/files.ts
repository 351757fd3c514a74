import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';

export interface Ownership {
  readonly mode: number;
  /** User and group; absent: whoever writes. */
  readonly uid?: number;
}

/**
 * Writes a file whole: a reader, a crash or a power cut sees the old text or the new one. The file never exists under
 * a wider mode than its own, so a secret cannot be read in between.
 */
export function fileWrite(path: string, text: string, { mode, uid }: Ownership): void {
  const draft = join(dirname(path), `.${basename(path)}.${process.pid}.new`);
  rmSync(draft, { force: true });
  const file = openSync(draft, 'wx', 0o600);
  try {
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  if (uid !== undefined) chownSync(draft, uid, uid);
  chmodSync(draft, mode);
  renameSync(draft, path);
  folderSync(dirname(path));
}

/**
 * Makes a folder, or gives an existing one its mode and owner back. What is missing above it is made so that anyone may pass
 * through, whatever the umask: control and guests are not root.
 */
export function folderEnsure(path: string, { mode, uid }: Ownership): void {
  const parent = dirname(path);
  if (!existsSync(parent)) folderEnsure(parent, { mode: 0o711 });
  mkdirSync(path, { recursive: true, mode: 0o700 });
  if (uid !== undefined) chownSync(path, uid, uid);
  chmodSync(path, mode);
}

function folderSync(path: string): void {
  const folder = openSync(path, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
