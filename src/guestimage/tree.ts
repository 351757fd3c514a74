/** A file tree in memory, and its forms: a cpio archive for the kernel, a script for debugfs. */

interface Owned {
  readonly path: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

export type TreeEntry =
  | ({ readonly kind: 'directory' } & Owned)
  | ({ readonly kind: 'file'; readonly content: Uint8Array } & Owned)
  | { readonly kind: 'link'; readonly path: string; readonly target: string };

interface Ownership {
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
}

/** Paths begin with `/`; parent folders come by themselves; nothing may be put in one place twice. */
export class Tree {
  readonly #entries = new Map<string, TreeEntry>();

  directory(path: string, { mode = 0o755, uid = 0, gid = 0 }: Ownership = {}): void {
    this.#add({ kind: 'directory', path, mode, uid, gid });
  }

  file(path: string, content: Uint8Array | string, ownership: Ownership = {}): void {
    const { mode = 0o644, uid = 0, gid = 0 } = ownership;
    const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
    this.#add({ kind: 'file', path, mode, uid, gid, content: bytes });
  }

  link(path: string, target: string): void {
    this.#add({ kind: 'link', path, target });
  }

  has(path: string): boolean {
    return this.#entries.has(path);
  }

  /** Parents before children, in an order that depends on nothing but the names. */
  entries(): TreeEntry[] {
    return [...this.#entries.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
  }

  #add(entry: TreeEntry): void {
    if (this.#entries.has(entry.path)) throw new Error(`two things in one place: ${entry.path}`);
    const parent = parentPath(entry.path);
    if (parent !== '/' && !this.#entries.has(parent)) this.directory(parent);
    this.#entries.set(entry.path, entry);
  }
}

export function parentPath(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '/';
}

export function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

const fileTypes = { directory: 0o040000, file: 0o100000, link: 0o120000 } as const;

/** The archive format `newc`, as the kernel's documentation of initramfs buffers describes it. */
export function cpioArchive(entries: readonly TreeEntry[]): Uint8Array {
  const parts: Buffer[] = [];
  const member = (name: string, fields: readonly number[], content: Uint8Array) => {
    const header = `070701${fields.map((n) => n.toString(16).padStart(8, '0')).join('')}`;
    parts.push(padded(Buffer.from(`${header}${name}\0`)), padded(content));
  };
  let inode = 1;
  for (const entry of entries) {
    const content = entryContent(entry);
    const [uid, gid] = entry.kind === 'link' ? [0, 0] : [entry.uid, entry.gid];
    const name = entry.path.slice(1);
    const links = entry.kind === 'directory' ? 2 : 1;
    const nameBytes = Buffer.byteLength(name) + 1;
    // ino mode uid gid nlink mtime filesize, then device numbers of the file and its node, namesize, check
    const stat = [inode++, entryMode(entry), uid, gid, links, 0, content.byteLength];
    member(name, [...stat, 0, 0, 0, 0, nameBytes, 0], content);
  }
  member('TRAILER!!!', [0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 11, 0], new Uint8Array());
  return Buffer.concat(parts);
}

export function entryMode(entry: TreeEntry): number {
  return fileTypes[entry.kind] | (entry.kind === 'link' ? 0o777 : entry.mode);
}

function entryContent(entry: TreeEntry): Uint8Array {
  if (entry.kind === 'file') return entry.content;
  return Buffer.from(entry.kind === 'link' ? entry.target : '');
}

/** Every part of the archive begins at a multiple of four. */
function padded(bytes: Uint8Array): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(-bytes.byteLength & 3)]);
}
