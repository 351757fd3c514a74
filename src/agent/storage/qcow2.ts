/**
 * Writes and reads headers of qcow2 version 3. An empty image is its header, one refcount block and an empty L1 table:
 * writing these here spares the start of a server one process.
 * Layout: docs/interop/qcow2.txt of QEMU.
 */

const clusterBits = 16;
const clusterSize = 1 << clusterBits;
const headerLength = 104;
const magic = 0x514649fb;
const backingFormatExtension = 0xe2792aca;

const clusterCount = (bytes: number): number => Math.ceil(bytes / clusterSize);

export interface Backing {
  /** As QEMU shall open it: absolute. */
  readonly path: string;
  readonly format: 'raw' | 'qcow2';
}

/** The whole file of an empty image, for sizes up to some 500 TiB (one refcount block). */
export function qcow2Empty(virtualSizeBytes: number, backing: Backing | null): Buffer {
  const l2Covers = (clusterSize / 8) * clusterSize;
  const l1Entries = Math.ceil(virtualSizeBytes / l2Covers);
  const l1Clusters = Math.max(1, clusterCount(l1Entries * 8));
  // Clusters: header, refcount table, refcount block, L1 table.
  const clusters = 3 + l1Clusters;
  const image = Buffer.alloc(clusters * clusterSize);
  image.writeUInt32BE(magic, 0);
  image.writeUInt32BE(3, 4);
  image.writeUInt32BE(clusterBits, 20);
  image.writeBigUInt64BE(BigInt(virtualSizeBytes), 24);
  image.writeUInt32BE(l1Entries, 36);
  image.writeBigUInt64BE(BigInt(3 * clusterSize), 40);
  image.writeBigUInt64BE(BigInt(clusterSize), 48);
  image.writeUInt32BE(1, 56);
  image.writeUInt32BE(4, 96); // refcounts of 16 bits
  image.writeUInt32BE(headerLength, 100);
  if (backing !== null) backingWrite(image, backing);
  image.writeBigUInt64BE(BigInt(2 * clusterSize), clusterSize);
  for (let cluster = 0; cluster < clusters; cluster++) {
    image.writeUInt16BE(1, 2 * clusterSize + 2 * cluster);
  }
  return image;
}

function backingWrite(image: Buffer, { path, format }: Backing): void {
  image.writeUInt32BE(backingFormatExtension, headerLength);
  image.writeUInt32BE(format.length, headerLength + 4);
  image.write(format, headerLength + 8, 'latin1');
  // The extension is padded to 8 bytes; the all-zero one that ends the list follows it.
  const nameOffset = headerLength + 16 + 8;
  image.writeBigUInt64BE(BigInt(nameOffset), 8);
  image.writeUInt32BE(image.write(path, nameOffset, 1023, 'utf8'), 16);
}

export interface Qcow2Header {
  readonly virtualSizeBytes: number;
  /** Null: everything is in the file itself. */
  readonly backingPath: string | null;
  /** Bytes of guests lie in another file. */
  readonly hasExternalData: boolean;
  readonly isEncrypted: boolean;
}

/** Enough to hold the header and the name of a backing file as QEMU and this file write them. */
export const qcow2HeadBytes = 4096;

/** Null: not a qcow2 image. `head` is the start of the file. */
export function qcow2HeaderRead(head: Buffer): Qcow2Header | null {
  if (head.length < 72 || head.readUInt32BE(0) !== magic) return null;
  const version = head.readUInt32BE(4);
  if (version !== 2 && version !== 3) return null;
  const incompatible = version === 3 && head.length >= 80 ? head.readBigUInt64BE(72) : 0n;
  const nameOffset = Number(head.readBigUInt64BE(8));
  const nameLength = head.readUInt32BE(16);
  return {
    virtualSizeBytes: Number(head.readBigUInt64BE(24)),
    backingPath:
      nameOffset === 0 ? null : head.toString('utf8', nameOffset, nameOffset + nameLength),
    hasExternalData: (incompatible & 4n) !== 0n,
    isEncrypted: head.readUInt32BE(32) !== 0,
  };
}
