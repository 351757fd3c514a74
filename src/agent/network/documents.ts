/**
 * The documents of one kind on disk: what control said last, so that a killed agent carries on where it was. A
 * document is durable before it is put in force.
 */
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

export interface Stored<Wanted> {
  readonly wanted: Wanted;
  /** Under which control sent it. */
  readonly digest: string;
}

export interface Documents<Wanted> {
  all(): ReadonlyMap<string, Stored<Wanted>>;
  put(id: string, stored: Stored<Wanted>): Promise<void>;
  delete(id: string): Promise<void>;
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export async function documentsOpen<Wanted>(directory: string): Promise<Documents<Wanted>> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const held = new Map<string, Stored<Wanted>>();
  for (const file of await readdir(directory)) {
    const path = join(directory, file);
    // What is left of a write that was cut short was never acknowledged.
    if (file.endsWith('.part')) await rm(path, { force: true });
    else if (file.endsWith('.json'))
      held.set(file.slice(0, -'.json'.length), JSON.parse(await readFile(path, 'utf8')));
  }
  const pathOf = (id: string): string => {
    if (!uuid.test(id)) throw new TypeError(`not the id of a document: ${id}`);
    return join(directory, `${id}.json`);
  };
  return {
    all: () => held,
    async put(id, stored) {
      const path = pathOf(id);
      await fileWriteDurable(path, JSON.stringify(stored));
      held.set(id, stored);
    },
    async delete(id) {
      await rm(pathOf(id), { force: true });
      await directorySync(directory);
      held.delete(id);
    },
  };

  async function fileWriteDurable(path: string, text: string): Promise<void> {
    const part = `${path}.part`;
    const file = await open(part, 'w', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(part, path);
    await directorySync(directory);
  }
}

async function directorySync(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
