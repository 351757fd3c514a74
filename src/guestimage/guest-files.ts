/** The guest's own scripts, which lie beside this file. */
import { readFile } from 'node:fs/promises';

export async function guestFile(name: string): Promise<string> {
  return await readFile(new URL(`files/${name}`, import.meta.url), 'utf8');
}
