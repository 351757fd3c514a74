/**
 * Writes a small read-only file system that every guest can read: ISO 9660 with a second tree of names after Joliet,
 * for Windows. Layout: ECMA-119, and Microsoft's Joliet specification of 1995.
 */

const sectorSize = 2048;
const sectorsOf = (bytes: number): number => Math.max(1, Math.ceil(bytes / sectorSize));

interface Directory {
  readonly name: string;
  readonly parent: Directory | null;
  readonly children: Map<string, Directory | FileNode>;
  /** First sector and number of bytes of its list, in the tree being laid out. */
  sector: number;
  sizeBytes: number;
}

interface FileNode {
  readonly name: string;
  readonly body: Uint8Array;
  sector: number;
}

interface Naming {
  readonly escape: string;
  readonly encode: (name: string) => Buffer;
  readonly fileName: (name: string) => string;
}

const plain: Naming = {
  escape: '',
  encode: (name) => Buffer.from(name, 'latin1'),
  fileName: (name) => `${name};1`,
};
const joliet: Naming = {
  escape: '%/E',
  encode: (name) => Buffer.from(name, 'utf16le').swap16(),
  fileName: (name) => name,
};

/** `files`: content by path. `label` is what the guest finds the drive by. */
export function isoImage(label: string, files: ReadonlyMap<string, Uint8Array>): Buffer {
  const { directories, fileNodes } = treeOf(files);
  // 16 sectors of the system, three descriptors; per tree two path tables (both byte orders) and the directories.
  let sector = 19;
  const trees = [plain, joliet].map((naming) => {
    const table = pathTableSize(directories, naming);
    const tree = { naming, tableSector: sector, tableBytes: table, directorySector: 0 };
    sector += 2 * sectorsOf(table);
    tree.directorySector = sector;
    for (const directory of directories) sector += sectorsOf(directoryBytes(directory, naming));
    return tree;
  });
  for (const file of fileNodes) {
    file.sector = sector;
    sector += sectorsOf(file.body.length);
  }
  const image = Buffer.alloc(sector * sectorSize);
  trees.forEach(({ naming, tableSector, tableBytes, directorySector }, index) => {
    let at = directorySector;
    for (const directory of directories) {
      directory.sector = at;
      directory.sizeBytes = sectorsOf(directoryBytes(directory, naming)) * sectorSize;
      at += directory.sizeBytes / sectorSize;
    }
    for (const directory of directories) directoryWrite(image, directory, naming);
    pathTableWrite(image, directories, { naming, sector: tableSector, isBig: false });
    const bigSector = tableSector + sectorsOf(tableBytes);
    pathTableWrite(image, directories, { naming, sector: bigSector, isBig: true });
    const root = directories[0]!;
    const volume = { label, sectors: sector, tableBytes, tableSector, bigSector, root };
    descriptorWrite(image, (16 + index) * sectorSize, naming, volume);
  });
  image.writeUInt8(255, 18 * sectorSize);
  image.write('CD001\x01', 18 * sectorSize + 1, 'latin1');
  for (const file of fileNodes) image.set(file.body, file.sector * sectorSize);
  return image;
}

/** Directories by level, as path tables want them, each after its parent. */
function treeOf(files: ReadonlyMap<string, Uint8Array>): {
  directories: readonly Directory[];
  fileNodes: readonly FileNode[];
} {
  const newDirectory = (name: string, parent: Directory | null): Directory => ({
    name,
    parent,
    children: new Map(),
    sector: 0,
    sizeBytes: 0,
  });
  const root = newDirectory('', null);
  const fileNodes: FileNode[] = [];
  for (const [path, body] of [...files].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const names = path.split('/');
    const fileName = names.pop() ?? '';
    let directory = root;
    for (const name of names) {
      let child = directory.children.get(name);
      if (child === undefined) {
        child = newDirectory(name, directory);
        directory.children.set(name, child);
      }
      if ('body' in child) throw new TypeError(`${path} lies below a file`);
      directory = child;
    }
    const file = { name: fileName, body, sector: 0 };
    directory.children.set(fileName, file);
    fileNodes.push(file);
  }
  const directories = [root];
  for (const directory of directories) {
    for (const child of directory.children.values())
      if (!('body' in child)) directories.push(child);
  }
  return { directories, fileNodes };
}

const writeBoth16 = (image: Buffer, value: number, at: number): void => {
  image.writeUInt16LE(value, at);
  image.writeUInt16BE(value, at + 2);
};
const writeBoth32 = (image: Buffer, value: number, at: number): void => {
  image.writeUInt32LE(value, at);
  image.writeUInt32BE(value, at + 4);
};

interface Entry {
  readonly identifier: Buffer;
  readonly sector: number;
  readonly sizeBytes: number;
  readonly isDirectory: boolean;
}

function entriesOf(directory: Directory, naming: Naming): Entry[] {
  const self = (code: number, one: Directory): Entry => ({
    identifier: Buffer.from([code]),
    sector: one.sector,
    sizeBytes: one.sizeBytes,
    isDirectory: true,
  });
  const children = [...directory.children.values()].map((child): Entry => {
    if ('body' in child) {
      const identifier = naming.encode(naming.fileName(child.name));
      return { identifier, sector: child.sector, sizeBytes: child.body.length, isDirectory: false };
    }
    const { sector, sizeBytes } = child;
    return { identifier: naming.encode(child.name), sector, sizeBytes, isDirectory: true };
  });
  children.sort((a, b) => Buffer.compare(a.identifier, b.identifier));
  return [self(0, directory), self(1, directory.parent ?? directory), ...children];
}

const entryLength = (identifier: Buffer): number =>
  33 + identifier.length + ((identifier.length + 1) % 2);

/** An entry does not cross the end of a sector. */
function directoryBytes(directory: Directory, naming: Naming): number {
  let at = 0;
  for (const { identifier } of entriesOf(directory, naming)) {
    const length = entryLength(identifier);
    if ((at % sectorSize) + length > sectorSize) at = Math.ceil(at / sectorSize) * sectorSize;
    at += length;
  }
  return at;
}

function directoryWrite(image: Buffer, directory: Directory, naming: Naming): void {
  let at = directory.sector * sectorSize;
  for (const entry of entriesOf(directory, naming)) {
    const length = entryLength(entry.identifier);
    if ((at % sectorSize) + length > sectorSize) at = Math.ceil(at / sectorSize) * sectorSize;
    entryWrite(image, at, entry);
    at += length;
  }
}

function entryWrite(image: Buffer, at: number, entry: Entry): void {
  image.writeUInt8(entryLength(entry.identifier), at);
  writeBoth32(image, entry.sector, at + 2);
  writeBoth32(image, entry.sizeBytes, at + 10);
  // 1 January 2000: no guest asks how old its drive is.
  image.set([100, 1, 1, 0, 0, 0, 0], at + 18);
  image.writeUInt8(entry.isDirectory ? 2 : 0, at + 25);
  writeBoth16(image, 1, at + 28);
  image.writeUInt8(entry.identifier.length, at + 32);
  image.set(entry.identifier, at + 33);
}

const tableIdentifier = ({ name, parent }: Directory, naming: Naming): Buffer =>
  parent === null ? Buffer.from([0]) : naming.encode(name);

function pathTableSize(directories: readonly Directory[], naming: Naming): number {
  const lengths = directories.map((one) => tableIdentifier(one, naming).length);
  return lengths.reduce((sum, length) => sum + 8 + length + (length % 2), 0);
}

function pathTableWrite(
  image: Buffer,
  directories: readonly Directory[],
  { naming, sector, isBig }: { naming: Naming; sector: number; isBig: boolean },
): void {
  let at = sector * sectorSize;
  for (const directory of directories) {
    const identifier = tableIdentifier(directory, naming);
    const parent = directories.indexOf(directory.parent ?? directory) + 1;
    image.writeUInt8(identifier.length, at);
    if (isBig) {
      image.writeUInt32BE(directory.sector, at + 2);
      image.writeUInt16BE(parent, at + 6);
    } else {
      image.writeUInt32LE(directory.sector, at + 2);
      image.writeUInt16LE(parent, at + 6);
    }
    image.set(identifier, at + 8);
    at += 8 + identifier.length + (identifier.length % 2);
  }
}

interface Volume {
  readonly label: string;
  readonly sectors: number;
  readonly tableBytes: number;
  readonly tableSector: number;
  readonly bigSector: number;
  readonly root: Directory;
}

function descriptorWrite(image: Buffer, at: number, naming: Naming, volume: Volume): void {
  const space = naming.encode(' ');
  const text = (value: string, offset: number, length: number): void => {
    image.fill(space, at + offset, at + offset + length);
    naming.encode(value).copy(image, at + offset, 0, length);
  };
  image.writeUInt8(naming.escape === '' ? 1 : 2, at);
  image.write('CD001\x01', at + 1, 'latin1');
  text('', 8, 32);
  text(volume.label, 40, 32);
  writeBoth32(image, volume.sectors, at + 80);
  image.write(naming.escape, at + 88, 'latin1');
  writeBoth16(image, 1, at + 120);
  writeBoth16(image, 1, at + 124);
  writeBoth16(image, sectorSize, at + 128);
  writeBoth32(image, volume.tableBytes, at + 132);
  image.writeUInt32LE(volume.tableSector, at + 140);
  image.writeUInt32BE(volume.bigSector, at + 148);
  const { sector, sizeBytes } = volume.root;
  entryWrite(image, at + 156, {
    identifier: Buffer.from([0]),
    sector,
    sizeBytes,
    isDirectory: true,
  });
  for (const offset of [190, 318, 446, 574]) text('', offset, 128);
  for (const offset of [702, 739, 776]) text('', offset, 37);
  for (const offset of [813, 830, 847, 864])
    image.fill('0', at + offset, at + offset + 16, 'latin1');
  image.writeUInt8(1, at + 881);
}
