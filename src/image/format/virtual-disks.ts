import { footerBytes } from './format-detect.ts';
import {
  formatRefused,
  isInside,
  regionRead,
  u64be,
  u64le,
  type FormatSource,
} from './format-source.ts';

/** VHD (Microsoft's specification 1.0): the footer ends the file; dynamic disks repeat it at the start. */
export async function vhdCheck(source: FormatSource): Promise<number> {
  const footer = await regionRead(source, {
    offset: source.sizeBytes - footerBytes,
    lengthBytes: footerBytes,
    name: 'VHD footer',
  });
  if (footer.toString('latin1', 0, 8) !== 'conectix') {
    throw formatRefused('The VHD image is cut off: its footer is missing.');
  }
  const type = footer.readUInt32BE(60);
  if (type === 4) throw formatRefused('The VHD image has a parent, which is not allowed.');
  if (type !== 2 && type !== 3) throw formatRefused(`VHD images of type ${type} are not known.`);
  if (type === 3) await dynamicCheck(source, footer);
  return sizeCheck('VHD', u64be(footer, 48));
}

async function dynamicCheck(source: FormatSource, footer: Buffer): Promise<void> {
  const head = await source.read(0, footerBytes);
  if (!head.equals(footer)) throw formatRefused('The two footers of the VHD image differ.');
  const header = await regionRead(source, {
    offset: u64be(footer, 16),
    lengthBytes: 1_024,
    name: 'VHD header',
  });
  if (header.toString('latin1', 0, 8) !== 'cxsparse') {
    throw formatRefused('The VHD image is damaged: its header is missing.');
  }
  if (!isInside(source, u64be(header, 16), header.readUInt32BE(28) * 4)) {
    throw formatRefused('The VHD image is damaged: its block table lies outside of the file.');
  }
}

// Microsoft's [MS-VHDX]; GUIDs as they stand in the file.
const metadataRegion = Buffer.from('06a27c8b90479a4bb8fe575f050f886e', 'hex');
const fileParameters = Buffer.from('3767a1ca36fa434db3b633f0aa44e76b', 'hex');
const virtualDiskSize = Buffer.from('2442a52f1bcd7648b2115dbed83bf4b8', 'hex');

export async function vhdxCheck(source: FormatSource): Promise<number> {
  const region = await regionFind(source);
  const table = await regionRead(source, {
    ...region,
    lengthBytes: 64 << 10,
    name: 'VHDX metadata',
  });
  if (table.toString('latin1', 0, 8) !== 'metadata') {
    throw formatRefused('The VHDX image is damaged: it has no metadata.');
  }
  const parameters = await metadataRead(source, region.offset, table, fileParameters);
  if ((parameters.readUInt32LE(4) & 2) !== 0) {
    throw formatRefused('The VHDX image has a parent, which is not allowed.');
  }
  const size = await metadataRead(source, region.offset, table, virtualDiskSize);
  return sizeCheck('VHDX', u64le(size, 0));
}

async function regionFind(source: FormatSource): Promise<{ offset: number }> {
  const table = await regionRead(source, {
    offset: 192 << 10,
    lengthBytes: 64 << 10,
    name: 'VHDX region table',
  });
  const count = table.readUInt32LE(8);
  if (table.toString('latin1', 0, 4) !== 'regi' || count > 2_047) {
    throw formatRefused('The VHDX image is damaged: its region table is missing.');
  }
  for (let at = 16; at < 16 + count * 32; at += 32) {
    if (table.subarray(at, at + 16).equals(metadataRegion))
      return { offset: u64le(table, at + 16) };
  }
  throw formatRefused('The VHDX image is damaged: it has no metadata.');
}

async function metadataRead(
  source: FormatSource,
  base: number,
  table: Buffer,
  guid: Buffer,
): Promise<Buffer> {
  const count = Math.min(table.readUInt16LE(10), 2_047);
  for (let at = 32; at < 32 + count * 32; at += 32) {
    if (!table.subarray(at, at + 16).equals(guid)) continue;
    const offset = base + table.readUInt32LE(at + 16);
    return regionRead(source, { offset, lengthBytes: 8, name: 'VHDX metadata' });
  }
  throw formatRefused('The VHDX image is damaged: its metadata is not complete.');
}

/** VirtualBox's VDI 1.1. */
export async function vdiCheck(source: FormatSource): Promise<number> {
  const header = await regionRead(source, { offset: 0, lengthBytes: 512, name: 'VDI header' });
  const type = header.readUInt32LE(76);
  if (type === 3 || type === 4) {
    throw formatRefused('The VDI image has a parent, which is not allowed.');
  }
  if (type !== 1 && type !== 2) throw formatRefused(`VDI images of type ${type} are not known.`);
  const blocksOffset = header.readUInt32LE(340);
  const blocks = header.readUInt32LE(384);
  if (!isInside(source, blocksOffset, blocks * 4)) {
    throw formatRefused('The VDI image is damaged: its block table lies outside of the file.');
  }
  return sizeCheck('VDI', u64le(header, 368));
}

function sizeCheck(name: string, virtualSizeBytes: number): number {
  if (virtualSizeBytes > 0 && virtualSizeBytes <= 2 ** 50) return virtualSizeBytes;
  throw formatRefused(`The virtual size of the ${name} image is absurd.`);
}
