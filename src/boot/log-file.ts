import {
  closeSync,
  constants,
  copyFileSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  renameSync,
} from 'node:fs';

const keepCount = 5;
const limitBytes = 16 * 1024 * 1024;

/** Opened for appending: whoever writes next after a rotation writes at the new end. */
export const logFileOpen = (path: string): number =>
  openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND, 0o600);

/**
 * Keeps a log below its limit: the text is copied to `PATH.1` and the file emptied, because the program that writes
 * it keeps it open. What is written between the two system calls is lost.
 */
export function logFileRotate(path: string, bytesMax = limitBytes): boolean {
  const file = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  try {
    if (fstatSync(file).size < bytesMax) return false;
    for (let number = keepCount - 1; number >= 1; number--)
      renameMaybe(`${path}.${number}`, `${path}.${number + 1}`);
    copyFileSync(path, `${path}.1`);
    ftruncateSync(file, 0);
    return true;
  } finally {
    closeSync(file);
  }
}

function renameMaybe(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

/** The last lines of a log, for a person who has to see why something failed. */
export function logFileTail(path: string, lineCount: number): string[] {
  const tailBytes = 64 * 1024;
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    return [];
  }
  try {
    const { size } = fstatSync(file);
    const buffer = Buffer.alloc(Math.min(size, tailBytes));
    readSync(file, buffer, 0, buffer.length, size - buffer.length);
    return buffer.toString('utf8').split('\n').filter(Boolean).slice(-lineCount);
  } finally {
    closeSync(file);
  }
}

/** A line of a log for a person: when, what, and of the causes where they were thrown. */
export function logLineText(line: string): string {
  let fields: Readonly<Record<string, unknown>>;
  try {
    fields = JSON.parse(line) as typeof fields;
  } catch {
    return line.slice(0, 300);
  }
  const { time, level, message, causes, program: _, ...rest } = fields;
  const head = `${String(time).slice(11, 19)} ${String(level)}: ${String(message)}`;
  const more = Object.keys(rest).length === 0 ? '' : ` ${JSON.stringify(rest).slice(0, 200)}`;
  const thrown = Array.isArray(causes)
    ? causes.map((cause) => `\n  ${String(cause).split('\n').slice(0, 2).join('\n  ')}`)
    : [];
  return `${head}${more}${thrown.join('')}`;
}
