import { formatRefused, isInside, regionRead, u64le, type FormatSource } from './format-source.ts';

// VMware's "Virtual Disk Format 5.0": a sparse extent with the descriptor embedded.
const sectorBytes = 512;
const descriptorLimitBytes = 1 << 20;
const gdAtEnd = 0xffffffffffffffffn;
const allowedTypes: readonly string[] = ['monolithicSparse', 'streamOptimized'];

/** Only a VMDK that is one file and names no other: a descriptor can make a reader open any path of its host. */
export async function vmdkCheck(source: FormatSource): Promise<number> {
  const header = await source.read(0, Math.min(source.sizeBytes, sectorBytes));
  if (header.length < sectorBytes || header.toString('latin1', 0, 4) !== 'KDMV') {
    throw formatRefused(
      'The VMDK image is a descriptor of other files, which is not allowed: use monolithicSparse or streamOptimized.',
    );
  }
  const descriptor = await descriptorRead(source, header);
  descriptorCheck(descriptor);
  if (header.readBigUInt64LE(56) === gdAtEnd) await footerCheck(source, header);
  const virtualSizeBytes = u64le(header, 12) * sectorBytes;
  if (!Number.isSafeInteger(virtualSizeBytes) || virtualSizeBytes > 2 ** 50) {
    throw formatRefused('The virtual size of the VMDK image is absurd.');
  }
  return virtualSizeBytes;
}

async function descriptorRead(source: FormatSource, header: Buffer): Promise<string> {
  const offset = u64le(header, 28) * sectorBytes;
  const lengthBytes = u64le(header, 36) * sectorBytes;
  if (offset === 0 || lengthBytes === 0 || lengthBytes > descriptorLimitBytes) {
    throw formatRefused('The VMDK image has no descriptor of its own.');
  }
  const bytes = await regionRead(source, { offset, lengthBytes, name: 'VMDK descriptor' });
  const end = bytes.indexOf(0);
  return bytes.toString('latin1', 0, end === -1 ? bytes.length : end);
}

function descriptorCheck(text: string): void {
  const lines = text.split(/[\r\n]+/).map((line) => line.trim());
  const settings = new Map<string, string>();
  for (const line of lines) {
    const [, name, value] = /^(\w[\w.]*)\s*=\s*"?([^"]*)"?$/.exec(line) ?? [];
    if (name !== undefined) settings.set(name.toLowerCase(), value ?? '');
  }
  const type = settings.get('createtype') ?? 'none';
  if (!allowedTypes.includes(type)) {
    throw formatRefused(`VMDK images of type ${type} are not allowed.`);
  }
  const parent = settings.get('parentcid') ?? 'ffffffff';
  if (parent.toLowerCase() !== 'ffffffff' || settings.has('parentfilenamehint')) {
    throw formatRefused('The VMDK image has a parent, which is not allowed.');
  }
  const extents = lines.filter((line) => /^(RW|RDONLY|NOACCESS)\s/i.test(line));
  const [extent] = extents;
  if (
    extents.length !== 1 ||
    extent === undefined ||
    !/^RW\s+\d+\s+SPARSE\s+"[^"/\\]*"$/i.test(extent)
  ) {
    throw formatRefused('The VMDK image names other files, which is not allowed.');
  }
}

/** The footer replaces the header for a reader that starts at the end: it must say the same. */
async function footerCheck(source: FormatSource, header: Buffer): Promise<void> {
  const offset = source.sizeBytes - 2 * sectorBytes;
  if (!isInside(source, offset, sectorBytes)) throw formatRefused('The VMDK footer is missing.');
  const footer = await source.read(offset, sectorBytes);
  const isSame =
    footer.subarray(0, 56).equals(header.subarray(0, 56)) &&
    footer.subarray(64, sectorBytes).equals(header.subarray(64, sectorBytes));
  if (!isSame) throw formatRefused('The VMDK footer differs from the header.');
}
