import { crc32 } from 'node:zlib';

/** A cyclic redundancy check that can go on where it stopped. All of them are reflected, and begin and end inverted. */
export interface Crc {
  update(bytes: Buffer): void;
  digest(): Buffer;
}

export function crc32New(): Crc {
  let crc = 0;
  return {
    update: (bytes) => void (crc = crc32(bytes, crc)),
    digest: () => uint32(crc),
  };
}

function uint32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

const slices = 8;

/** Table k moves a byte over k further bytes, so that eight bytes are done in one step. */
function tables32(polynomial: number): Int32Array {
  const table = new Int32Array(256 * slices);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ polynomial : crc >>> 1;
    table[byte] = crc;
  }
  for (let at = 256; at < table.length; at++) {
    const before = table[at - 256] ?? 0;
    table[at] = (before >>> 8) ^ (table[before & 255] ?? 0);
  }
  return table;
}

let castagnoli: Int32Array | null = null;

export function crc32cNew(): Crc {
  const table = (castagnoli ??= tables32(0x82f63b78));
  let crc = -1;
  return {
    update: (bytes) => void (crc = crc32cUpdate(table, crc, bytes)),
    digest: () => uint32(~crc),
  };
}

function crc32cUpdate(table: Int32Array, start: number, bytes: Buffer): number {
  let crc = start;
  const t = (at: number): number => table[at] as number;
  const b = (at: number): number => bytes[at] as number;
  const whole = bytes.length & ~7;
  for (let at = 0; at < whole; at += 8) {
    const low = crc ^ (b(at) | (b(at + 1) << 8) | (b(at + 2) << 16) | (b(at + 3) << 24));
    crc =
      t(1792 + (low & 255)) ^
      t(1536 + ((low >>> 8) & 255)) ^
      t(1280 + ((low >>> 16) & 255)) ^
      t(1024 + (low >>> 24)) ^
      t(768 + b(at + 4)) ^
      t(512 + b(at + 5)) ^
      t(256 + b(at + 6)) ^
      t(b(at + 7));
  }
  for (let at = whole; at < bytes.length; at++) crc = (crc >>> 8) ^ t((crc ^ b(at)) & 255);
  return crc;
}

interface Tables64 {
  readonly low: Int32Array;
  readonly high: Int32Array;
}

const nvmePolynomial = { low: 0xac4bc9b5, high: 0x9a6c9329 };

function tables64(): Tables64 {
  const low = new Int32Array(256 * slices);
  const high = new Int32Array(256 * slices);
  for (let byte = 0; byte < 256; byte++) {
    let [l, h] = [byte, 0];
    for (let bit = 0; bit < 8; bit++) {
      const carry = l & 1;
      l = (l >>> 1) | (h << 31);
      h >>>= 1;
      if (carry) [l, h] = [l ^ nvmePolynomial.low, h ^ nvmePolynomial.high];
    }
    [low[byte], high[byte]] = [l, h];
  }
  for (let at = 256; at < low.length; at++) {
    const [l, h] = [low[at - 256] ?? 0, high[at - 256] ?? 0];
    low[at] = ((l >>> 8) | (h << 24)) ^ (low[l & 255] ?? 0);
    high[at] = (h >>> 8) ^ (high[l & 255] ?? 0);
  }
  return { low, high };
}

let nvme: Tables64 | null = null;

export function crc64nvmeNew(): Crc {
  const { low: tl, high: th } = (nvme ??= tables64());
  let [low, high] = [-1, -1];
  const update = (bytes: Buffer): void => {
    const whole = bytes.length & ~7;
    let [l, h] = [low, high];
    for (let at = 0; at < whole; at += 8) {
      const b = (offset: number): number => bytes[at + offset] as number;
      const x = l ^ (b(0) | (b(1) << 8) | (b(2) << 16) | (b(3) << 24));
      const y = h ^ (b(4) | (b(5) << 8) | (b(6) << 16) | (b(7) << 24));
      const [i, j, k, m] = [
        1792 + (x & 255),
        1536 + ((x >>> 8) & 255),
        1280 + ((x >>> 16) & 255),
        1024 + (x >>> 24),
      ];
      const [n, o, p, q] = [
        768 + (y & 255),
        512 + ((y >>> 8) & 255),
        256 + ((y >>> 16) & 255),
        y >>> 24,
      ];
      const t = (table: Int32Array, index: number): number => table[index] as number;
      l = t(tl, i) ^ t(tl, j) ^ t(tl, k) ^ t(tl, m) ^ t(tl, n) ^ t(tl, o) ^ t(tl, p) ^ t(tl, q);
      h = t(th, i) ^ t(th, j) ^ t(th, k) ^ t(th, m) ^ t(th, n) ^ t(th, o) ^ t(th, p) ^ t(th, q);
    }
    for (let at = whole; at < bytes.length; at++) {
      const index = (l ^ (bytes[at] as number)) & 255;
      l = ((l >>> 8) | (h << 24)) ^ (tl[index] as number);
      h = (h >>> 8) ^ (th[index] as number);
    }
    [low, high] = [l, h];
  };
  const digest = (): Buffer => Buffer.concat([uint32(~high), uint32(~low)]);
  return { update, digest };
}

/** Reflected polynomials, for what is done once a part and not once a byte. */
const polynomials = {
  CRC32: { bits: 32n, value: 0xedb88320n },
  CRC32C: { bits: 32n, value: 0x82f63b78n },
  CRC64NVME: { bits: 64n, value: 0x9a6c9329ac4bc9b5n },
} as const;
export type CrcName = keyof typeof polynomials;

/**
 * The check of a whole from those of its parts, without their bytes: a check is a remainder, so a part that is
 * followed by n more bytes counts as its remainder times x^8n.
 */
export function crcCombine(
  name: CrcName,
  parts: readonly { readonly digest: Buffer; readonly sizeBytes: number }[],
): Buffer {
  const { bits, value } = polynomials[name];
  // Parts of an upload mostly have one size.
  const powers = new Map<number, bigint>();
  let whole = 0n;
  for (const { digest, sizeBytes } of parts) {
    const power = powers.get(sizeBytes) ?? bytePower(sizeBytes, bits, value);
    powers.set(sizeBytes, power);
    whole = product(power, whole, bits, value) ^ BigInt(`0x${digest.toString('hex')}`);
  }
  return Buffer.from(whole.toString(16).padStart(Number(bits) / 4, '0'), 'hex');
}

function product(a: bigint, b: bigint, bits: bigint, polynomial: bigint): bigint {
  let [sum, shifted] = [0n, b];
  for (let mask = 1n << (bits - 1n); mask > 0n; mask >>= 1n) {
    if ((a & mask) !== 0n) sum ^= shifted;
    shifted = (shifted & 1n) === 1n ? (shifted >> 1n) ^ polynomial : shifted >> 1n;
  }
  return sum;
}

/** x^(8 * count) modulo the polynomial, by squaring. */
function bytePower(count: number, bits: bigint, polynomial: bigint): bigint {
  let result = 1n << (bits - 1n);
  let base = 1n << (bits - 9n);
  for (let left = BigInt(count); left > 0n; left >>= 1n) {
    if ((left & 1n) === 1n) result = product(base, result, bits, polynomial);
    base = product(base, base, bits, polynomial);
  }
  return result;
}
