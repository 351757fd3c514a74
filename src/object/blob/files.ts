import { mkdirSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';

/** One folder of a store, on one disk. */
export interface BlobFolder {
  readonly path: string;
  readonly segments: string;
  readonly incoming: string;
  readonly quarantine: string;
  /** In 256 folders by the last two digits of the id. */
  file(id: string): string;
}

export function blobFolder(path: string): BlobFolder {
  const at = (name: string): string => join(path, name);
  return {
    path,
    segments: at('segments'),
    incoming: at('incoming'),
    quarantine: at('quarantine'),
    file: (id) => join(path, 'files', id.slice(-2), id),
  };
}

export function blobFolderMake({ path, segments, incoming, quarantine }: BlobFolder): void {
  for (const each of [segments, incoming, quarantine]) mkdirSync(each, { recursive: true });
  for (let n = 0; n < 256; n++) {
    mkdirSync(join(path, 'files', n.toString(16).padStart(2, '0')), { recursive: true });
  }
}

/** A new name is only on the disk when its folder is. */
export async function folderSync(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

export async function wholeWrite(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    at += (await file.write(bytes, at, bytes.length - at)).bytesWritten;
  }
}
