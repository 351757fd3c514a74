/** Formats that give themselves away. Whatever matches none is raw, or something this cloud does not look into. */
export type Detected =
  | 'qcow'
  | 'qcow2'
  | 'qed'
  | 'vmdk'
  | 'vhd'
  | 'vhdx'
  | 'vdi'
  | 'luks'
  | 'ploop'
  | 'iso';

interface Signature {
  readonly format: Detected;
  readonly at: number;
  readonly bytes: Buffer;
}

const ascii = (format: Detected, at: number, text: string): Signature => ({
  format,
  at,
  bytes: Buffer.from(text, 'latin1'),
});

const headSignatures: readonly Signature[] = [
  ascii('qed', 0, 'QED\0'),
  ascii('vmdk', 0, 'KDMV'),
  ascii('vmdk', 0, 'COWD'),
  ascii('vhd', 0, 'conectix'),
  ascii('vhdx', 0, 'vhdxfile'),
  ascii('vdi', 0x40, '\x7f\x10\xda\xbe'),
  ascii('luks', 0, 'LUKS\xba\xbe'),
  ascii('ploop', 0, 'WithoutFreeSpace'),
  ascii('ploop', 0, 'WithouFreSpacExt'),
  ascii('iso', 0x8001, 'CD001'),
];

export const footerBytes = 512;

/** `head`: at least the first 34 KiB, if there are as many; `tail`: the last 512 bytes, empty while they are not known. */
export function formatsDetect(head: Buffer, tail: Buffer): Detected[] {
  const found = new Set<Detected>();
  if (head.subarray(0, 4).equals(Buffer.from('QFI\xfb', 'latin1')) && head.length >= 8) {
    found.add(head.readUInt32BE(4) === 1 ? 'qcow' : 'qcow2');
  }
  for (const { format, at, bytes } of headSignatures) {
    if (head.subarray(at, at + bytes.length).equals(bytes)) found.add(format);
  }
  // A VMDK can be a text that names other files; the marker may follow blanks and comments.
  if (/^[#\s]*disk descriptorfile/i.test(head.subarray(0, 512).toString('latin1'))) {
    found.add('vmdk');
  }
  // A fixed VHD is a raw disk with a footer.
  if (tail.subarray(0, 8).toString('latin1') === 'conectix') found.add('vhd');
  return [...found];
}
