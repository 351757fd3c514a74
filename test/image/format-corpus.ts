/** Small disks of every format, made byte by byte, for tests to break. */
import type { FormatSource } from '../../src/image/format/format-source.ts';

export const sourceOf = (bytes: Buffer): FormatSource => ({
  sizeBytes: bytes.length,
  read: async (offset, lengthBytes) => Buffer.from(bytes.subarray(offset, offset + lengthBytes)),
});

export const edited = (bytes: Buffer, edit: (copy: Buffer) => void): Buffer => {
  const copy = Buffer.from(bytes);
  edit(copy);
  return copy;
};

const cluster = 65_536;
export const diskBytes = 10 << 20;

/** Header, refcount table, refcount block, L1 table, L2 table, one cluster of data. */
export function qcow2(): Buffer {
  const bytes = Buffer.alloc(6 * cluster);
  bytes.write('QFI\xfb', 0, 'latin1');
  bytes.writeUInt32BE(3, 4);
  bytes.writeUInt32BE(16, 20);
  bytes.writeBigUInt64BE(BigInt(diskBytes), 24);
  bytes.writeUInt32BE(1, 36);
  bytes.writeBigUInt64BE(BigInt(3 * cluster), 40);
  bytes.writeBigUInt64BE(BigInt(cluster), 48);
  bytes.writeUInt32BE(1, 56);
  bytes.writeUInt32BE(4, 96);
  bytes.writeUInt32BE(104, 100);
  bytes.writeBigUInt64BE(BigInt(2 * cluster), cluster);
  const used = 1n << 63n;
  bytes.writeBigUInt64BE(BigInt(4 * cluster) | used, 3 * cluster);
  bytes.writeBigUInt64BE(BigInt(5 * cluster) | used, 4 * cluster);
  return bytes;
}

/** An extension right behind the header. */
export const qcow2With = (type: number, content: string): Buffer =>
  edited(qcow2(), (copy) => {
    copy.writeUInt32BE(type, 104);
    copy.writeUInt32BE(content.length, 108);
    copy.write(content, 112);
  });

/** Two clusters more: one with a snapshot table of one entry. */
export const qcow2WithSnapshot = (l1Offset: number, l1Entries: number): Buffer => {
  const table = Buffer.alloc(cluster);
  table.writeBigUInt64BE(BigInt(l1Offset), 0);
  table.writeUInt32BE(l1Entries, 8);
  table.writeUInt16BE(1, 12);
  table.writeUInt16BE(2, 14);
  return Buffer.concat([
    edited(qcow2(), (copy) => {
      copy.writeUInt32BE(1, 60);
      copy.writeBigUInt64BE(BigInt(6 * cluster), 64);
    }),
    table,
  ]);
};

export const descriptor = (type = 'monolithicSparse', extent = 'RW 20480 SPARSE "disk.vmdk"') =>
  [
    '# Disk DescriptorFile',
    'version=1',
    'CID=12345678',
    'parentCID=ffffffff',
    `createType="${type}"`,
    '# Extent description',
    extent,
    'ddb.adapterType = "ide"',
  ].join('\n');

export function vmdk(text = descriptor()): Buffer {
  const bytes = Buffer.alloc(128 << 10);
  bytes.write('KDMV', 0);
  bytes.writeUInt32LE(1, 4);
  bytes.writeUInt32LE(3, 8);
  bytes.writeBigUInt64LE(BigInt(diskBytes / 512), 12);
  bytes.writeBigUInt64LE(128n, 20);
  bytes.writeBigUInt64LE(1n, 28);
  bytes.writeBigUInt64LE(20n, 36);
  bytes.writeBigUInt64LE(26n, 56);
  bytes.write(text, 512);
  return bytes;
}

export function vmdkStream(): Buffer {
  const bytes = vmdk(descriptor('streamOptimized'));
  bytes.writeBigUInt64LE(0xffffffffffffffffn, 56);
  const footer = Buffer.from(bytes.subarray(0, 512));
  footer.writeBigUInt64LE(30n, 56);
  return Buffer.concat([bytes, footer, Buffer.alloc(512)]);
}

function vhdFooter(type: number): Buffer {
  const footer = Buffer.alloc(512);
  footer.write('conectix', 0);
  footer.writeBigUInt64BE(type === 2 ? 0xffffffffffffffffn : 512n, 16);
  footer.writeBigUInt64BE(BigInt(diskBytes), 40);
  footer.writeBigUInt64BE(BigInt(diskBytes), 48);
  footer.writeUInt32BE(type, 60);
  return footer;
}

export const vhdFixed = (): Buffer => Buffer.concat([Buffer.alloc(diskBytes), vhdFooter(2)]);

export function vhdDynamic(type = 3): Buffer {
  const header = Buffer.alloc(1_024);
  header.write('cxsparse', 0);
  header.writeBigUInt64BE(1_536n, 16);
  header.writeUInt32BE(5, 28);
  const table = Buffer.alloc(512, 0xff);
  return Buffer.concat([vhdFooter(type), header, table, vhdFooter(type)]);
}

export function vhdx(flags = 0): Buffer {
  const bytes = Buffer.alloc(1 << 20);
  bytes.write('vhdxfile', 0);
  const regions = 192 << 10;
  bytes.write('regi', regions);
  bytes.writeUInt32LE(1, regions + 8);
  Buffer.from('06a27c8b90479a4bb8fe575f050f886e', 'hex').copy(bytes, regions + 16);
  const metadata = 512 << 10;
  bytes.writeBigUInt64LE(BigInt(metadata), regions + 32);
  bytes.write('metadata', metadata);
  bytes.writeUInt16LE(2, metadata + 10);
  Buffer.from('3767a1ca36fa434db3b633f0aa44e76b', 'hex').copy(bytes, metadata + 32);
  bytes.writeUInt32LE(65_536, metadata + 48);
  Buffer.from('2442a52f1bcd7648b2115dbed83bf4b8', 'hex').copy(bytes, metadata + 64);
  bytes.writeUInt32LE(65_544, metadata + 80);
  bytes.writeUInt32LE(flags, metadata + 65_540);
  bytes.writeBigUInt64LE(BigInt(diskBytes), metadata + 65_544);
  return bytes;
}

export function vdi(type = 1): Buffer {
  const bytes = Buffer.alloc(2 << 20);
  bytes.write('<<< Oracle VM VirtualBox Disk Image >>>\n', 0);
  bytes.writeUInt32LE(0xbeda107f, 64);
  bytes.writeUInt32LE(type, 76);
  bytes.writeUInt32LE(512, 340);
  bytes.writeUInt32LE(1 << 20, 344);
  bytes.writeBigUInt64LE(BigInt(diskBytes), 368);
  bytes.writeUInt32LE(10, 384);
  return bytes;
}

export const iso = (): Buffer =>
  edited(Buffer.alloc(64 << 10), (copy) => void copy.write('CD001', 0x8001));

export const gpt = (): Buffer =>
  edited(Buffer.alloc(64 << 10), (copy) => {
    copy.writeUInt8(0xee, 450);
    copy.writeUInt16BE(0x55aa, 510);
    copy.write('EFI PART', 512);
  });

export const noise = (lengthBytes: number): Buffer =>
  Buffer.from(Array.from({ length: lengthBytes }, (_, n) => (n * 131 + 7) & 0xff));
