import { formatRefused, isInside, regionRead, u64be, type FormatSource } from './format-source.ts';

// Offsets and limits: QEMU's docs/interop/qcow2.txt.
const v2HeaderBytes = 72;
const v3HeaderBytes = 104;
const l1LimitBytes = 32 << 20;
const refcountTableLimitBytes = 8 << 20;
const snapshotLimit = 1_024;
/** 1 PiB: larger than any disk a host could hold. */
const virtualSizeLimitBytes = 2 ** 50;
const offsetMask = 0x00fffffffffffe00n;

const incompatible = {
  dirty: 1n << 0n,
  corrupt: 1n << 1n,
  dataFile: 1n << 2n,
  compression: 1n << 3n,
  extendedL2: 1n << 4n,
} as const;
const tolerated = incompatible.dirty | incompatible.compression | incompatible.extendedL2;

interface Header {
  readonly clusterBytes: number;
  readonly virtualSizeBytes: number;
  readonly l1Entries: number;
  readonly l1Offset: number;
  readonly refcountOffset: number;
  readonly refcountClusters: number;
  readonly snapshots: number;
  readonly snapshotsOffset: number;
  readonly l2EntryBytes: number;
}

/** All that the first bytes tell: refuses whatever would make a reader open another file, or need a key. */
export function qcow2Header(head: Buffer): Header {
  if (head.length < v2HeaderBytes) throw formatRefused('The qcow2 header is cut off.');
  const version = head.readUInt32BE(4);
  if (version !== 2 && version !== 3) throw formatRefused(`qcow2 version ${version} is not known.`);
  if (u64be(head, 8) !== 0 || head.readUInt32BE(16) !== 0) {
    throw formatRefused('The qcow2 image has a backing file, which is not allowed.');
  }
  if (head.readUInt32BE(32) !== 0) {
    throw formatRefused('The qcow2 image is encrypted, which is not supported.');
  }
  const clusterBits = head.readUInt32BE(20);
  if (clusterBits < 9 || clusterBits > 21) {
    throw formatRefused(
      `The qcow2 image has clusters of 2^${clusterBits} bytes, which is not valid.`,
    );
  }
  const features = version === 3 ? featuresCheck(head) : 0n;
  const headerBytes = version === 3 ? head.readUInt32BE(100) : v2HeaderBytes;
  const clusterBytes = 2 ** clusterBits;
  if (headerBytes > clusterBytes) throw formatRefused('The qcow2 header is longer than a cluster.');
  extensionsCheck(head, headerBytes, clusterBytes);
  return {
    clusterBytes,
    virtualSizeBytes: u64be(head, 24),
    l1Entries: head.readUInt32BE(36),
    l1Offset: u64be(head, 40),
    refcountOffset: u64be(head, 48),
    refcountClusters: head.readUInt32BE(56),
    snapshots: head.readUInt32BE(60),
    snapshotsOffset: u64be(head, 64),
    l2EntryBytes: (features & incompatible.extendedL2) === 0n ? 8 : 16,
  };
}

function featuresCheck(head: Buffer): bigint {
  if (head.length < v3HeaderBytes || head.readUInt32BE(100) < v3HeaderBytes) {
    throw formatRefused('The qcow2 header is cut off.');
  }
  const features = head.readBigUInt64BE(72);
  if ((features & incompatible.dataFile) !== 0n) {
    throw formatRefused('The qcow2 image has an external data file, which is not allowed.');
  }
  if ((features & incompatible.corrupt) !== 0n) {
    throw formatRefused('The qcow2 image is marked as corrupt.');
  }
  const unknown = features & ~tolerated;
  if (unknown !== 0n) {
    throw formatRefused(
      `The qcow2 image needs features that are not known: 0x${unknown.toString(16)}.`,
    );
  }
  if (head.readUInt32BE(96) > 6) throw formatRefused('The qcow2 refcount width is not valid.');
  return features;
}

function extensionsCheck(head: Buffer, headerBytes: number, clusterBytes: number): void {
  const end = Math.min(clusterBytes, head.length);
  for (let at = headerBytes; at + 8 <= end;) {
    const type = head.readUInt32BE(at);
    const lengthBytes = head.readUInt32BE(at + 4);
    if (type === 0) return;
    if (at + 8 + lengthBytes > clusterBytes) {
      throw formatRefused('A qcow2 header extension is longer than the header.');
    }
    if (type === 0x44415441) {
      throw formatRefused('The qcow2 image has an external data file, which is not allowed.');
    }
    if (type === 0x0537be77) {
      throw formatRefused('The qcow2 image is encrypted, which is not supported.');
    }
    at += 8 + Math.ceil(lengthBytes / 8) * 8;
  }
}

/** The whole verdict: every table and every cluster that is named lies within the file. */
export async function qcow2Check(source: FormatSource): Promise<number> {
  const head = await source.read(0, Math.min(source.sizeBytes, 2 << 20));
  const header = qcow2Header(head);
  const { clusterBytes, virtualSizeBytes, l1Entries, l1Offset, l2EntryBytes } = header;
  if (!Number.isSafeInteger(virtualSizeBytes) || virtualSizeBytes > virtualSizeLimitBytes) {
    throw formatRefused(
      `The virtual size of the qcow2 image is absurd: ${virtualSizeBytes} bytes.`,
    );
  }
  const bytesPerL1Entry = (clusterBytes / l2EntryBytes) * clusterBytes;
  if (l1Entries * 8 > l1LimitBytes || l1Entries < Math.ceil(virtualSizeBytes / bytesPerL1Entry)) {
    throw formatRefused('The qcow2 L1 table does not fit the virtual size.');
  }
  await refcountCheck(source, header);
  await snapshotsCheck(source, header);
  await mappingCheck(source, header, { offset: l1Offset, entries: l1Entries });
  return virtualSizeBytes;
}

async function refcountCheck(source: FormatSource, header: Header): Promise<void> {
  const { refcountOffset, refcountClusters, clusterBytes } = header;
  const lengthBytes = refcountClusters * clusterBytes;
  const isFitting =
    refcountClusters > 0 &&
    lengthBytes <= refcountTableLimitBytes &&
    refcountOffset % clusterBytes === 0 &&
    isInside(source, refcountOffset, 8);
  if (!isFitting) throw formatRefused('The qcow2 refcount table lies outside of the file.');
}

async function snapshotsCheck(source: FormatSource, header: Header): Promise<void> {
  if (header.snapshots > snapshotLimit) {
    throw formatRefused(`The qcow2 image has ${header.snapshots} snapshots, which is too many.`);
  }
  let at = header.snapshotsOffset;
  for (let index = 0; index < header.snapshots; index++) {
    const entry = await regionRead(source, { offset: at, lengthBytes: 40, name: 'snapshot table' });
    const l1 = { offset: u64be(entry, 0), entries: entry.readUInt32BE(8) };
    if (l1.entries * 8 > l1LimitBytes || !isInside(source, l1.offset, l1.entries * 8)) {
      throw formatRefused('The L1 table of a qcow2 snapshot lies outside of the file.');
    }
    const names = entry.readUInt16BE(12) + entry.readUInt16BE(14);
    at += Math.ceil((40 + entry.readUInt32BE(36) + names) / 8) * 8;
  }
}

/** A cluster beyond the end is a download that was cut off, or worse; the last one may be shorter than a cluster. */
async function mappingCheck(
  source: FormatSource,
  header: Header,
  l1: { offset: number; entries: number },
): Promise<void> {
  const table = await regionRead(source, {
    offset: l1.offset,
    lengthBytes: l1.entries * 8,
    name: 'L1 table',
  });
  const seen = new Set<number>();
  for (let at = 0; at < table.length; at += 8) {
    const offset = Number(table.readBigUInt64BE(at) & offsetMask);
    if (offset === 0 || seen.has(offset)) continue;
    seen.add(offset);
    const l2 = await regionRead(source, {
      offset,
      lengthBytes: header.clusterBytes,
      name: 'L2 table',
    });
    if (!l2IsInside(l2, header, source.sizeBytes)) {
      throw formatRefused('The qcow2 image is cut off: clusters that it names are missing.');
    }
  }
}

/** Works on 32-bit halves: a table has up to 262,144 entries, and big integers are slow. */
function l2IsInside(
  table: Buffer,
  { clusterBytes, l2EntryBytes }: Header,
  sizeBytes: number,
): boolean {
  // Of a compressed cluster the offset ends where its length begins: bit 62 - (cluster bits - 8).
  const compressedMask = 2 ** (62 - (Math.log2(clusterBytes) - 8) - 32) - 1;
  for (let at = 0; at < table.length; at += l2EntryBytes) {
    const high = table.readUInt32BE(at);
    const low = table.readUInt32BE(at + 4);
    const isCompressed = (high & 0x40000000) !== 0;
    const offset = isCompressed
      ? (high & compressedMask) * 0x1_0000_0000 + low
      : (high & 0x00ffffff) * 0x1_0000_0000 + ((low & 0xfffffe00) >>> 0);
    if (offset >= sizeBytes) return false;
  }
  return true;
}
