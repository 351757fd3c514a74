/**
 * What the guest writes to its serial port: QEMU appends it to `console.log`; when that grows too long, it becomes
 * `console.log.1` and starts anew. The files lie in the guest's own directory and are opened as such.
 */
import { constants } from 'node:fs';
import { rm, type FileHandle } from 'node:fs/promises';
import { runPaths } from '../qemu/machine.ts';
import { errnoOf, openUntrusted } from '../storage/files.ts';

/** Twice that is kept at most, and what a guest writes until the next look. */
const consoleBytesMax = 512 * 1024;

/** The last lines; all that is kept for null. */
export async function consoleRead(runDir: string, lines: number | null): Promise<string> {
  const { console } = runPaths(runDir);
  const text = `${await tailRead(`${console}.1`)}${await tailRead(console)}`;
  if (lines === null) return text;
  const all = text.split('\n');
  // A last line that is not ended counts.
  const isEnded = all.at(-1) === '';
  return lines === 0 ? '' : all.slice(-(lines + (isEnded ? 1 : 0))).join('\n');
}

async function tailRead(path: string): Promise<string> {
  const file = await openIfThere(path, constants.O_RDONLY);
  if (file === null) return '';
  try {
    return (await bytesTail(file)).toString('utf8');
  } finally {
    await file.close();
  }
}

async function bytesTail(file: FileHandle): Promise<Buffer> {
  const stat = await file.stat();
  if (!stat.isFile()) return Buffer.alloc(0);
  const length = Math.min(stat.size, consoleBytesMax);
  const { buffer, bytesRead } = await file.read(
    Buffer.alloc(length),
    0,
    length,
    stat.size - length,
  );
  return buffer.subarray(0, bytesRead);
}

export async function consoleTrim(runDir: string): Promise<void> {
  const { console } = runPaths(runDir);
  const file = await openIfThere(console, constants.O_RDWR);
  if (file === null) return;
  try {
    const stat = await file.stat();
    if (!stat.isFile() || stat.size <= consoleBytesMax) return;
    const older = await bytesTail(file);
    await rm(`${console}.1`, { force: true });
    const copy = await openUntrusted(
      `${console}.1`,
      constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL,
    );
    try {
      await copy.writeFile(older);
    } finally {
      await copy.close();
    }
    // QEMU appends: it goes on at the new end.
    await file.truncate(0);
  } finally {
    await file.close();
  }
}

async function openIfThere(path: string, flags: number): Promise<FileHandle | null> {
  try {
    return await openUntrusted(path, flags);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw error;
  }
}
