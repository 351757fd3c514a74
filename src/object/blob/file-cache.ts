import { open, type FileHandle } from 'node:fs/promises';

const openMax = 64;

interface Entry {
  readonly handle: Promise<FileHandle>;
  users: number;
  isOut: boolean;
}

/** Segments are read again and again: the last ones stay open. */
export class FileCache {
  readonly #entries = new Map<string, Entry>();

  async use<T>(path: string, work: (file: FileHandle) => Promise<T>): Promise<T> {
    let entry = this.#entries.get(path);
    if (entry === undefined) {
      entry = { handle: open(path, 'r'), users: 0, isOut: false };
      this.#entries.set(path, entry);
      this.#shrink();
    } else {
      // The least recently used come first.
      this.#entries.delete(path);
      this.#entries.set(path, entry);
    }
    entry.users++;
    try {
      return await work(await entry.handle);
    } catch (error) {
      // A file that was replaced or could not be opened is opened anew.
      this.#drop(path, entry);
      throw error;
    } finally {
      entry.users--;
      if (entry.isOut && entry.users === 0) closeQuietly(entry);
    }
  }

  forget(path: string): void {
    const entry = this.#entries.get(path);
    if (entry !== undefined) this.#drop(path, entry);
  }

  close(): void {
    for (const [path, entry] of this.#entries) this.#drop(path, entry);
  }

  #shrink(): void {
    for (const [path, entry] of this.#entries) {
      if (this.#entries.size <= openMax) return;
      this.#drop(path, entry);
    }
  }

  #drop(path: string, entry: Entry): void {
    if (this.#entries.get(path) === entry) this.#entries.delete(path);
    if (entry.isOut) return;
    entry.isOut = true;
    if (entry.users === 0) closeQuietly(entry);
  }
}

const closeQuietly = ({ handle }: Entry): void =>
  void handle.then((file) => file.close()).catch(() => {});
