import { randomUUID } from 'node:crypto';
import { link, open, readFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { asNoSpace, directorySync, errnoOf } from '../storage/files.ts';

/** Where a guest leaves its password, encrypted with its owner's key: once, until the owner clears it. */
export interface PasswordBox {
  /** Empty: nothing was left. */
  read(): Promise<string>;
  /** False: there is one already. */
  leave(password: string): Promise<boolean>;
  clear(): Promise<void>;
}

export const passwordBox = (path: string): PasswordBox => ({
  async read() {
    try {
      return await readFile(path, 'utf8');
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return '';
      throw error;
    }
  },

  /** A link is refused where there is a file: of two guests' programs that come at once, one is told so. */
  async leave(password) {
    if (password === '') return (await this.read()) === '';
    const temporary = `${path}.${randomUUID()}.tmp`;
    try {
      const file = await open(temporary, 'wx', 0o600);
      try {
        await file.writeFile(password);
        await file.sync();
      } finally {
        await file.close();
      }
      await link(temporary, path);
      await directorySync(dirname(path));
      return true;
    } catch (error) {
      if (errnoOf(error) === 'EEXIST') return false;
      throw asNoSpace(error, `keeping what a guest left in ${path}`);
    } finally {
      await rm(temporary, { force: true });
    }
  },

  async clear() {
    await rm(path, { force: true });
    await directorySync(dirname(path));
  },
});
