import { BadTar } from './tar.ts';

/** Bits, first the highest of each byte, from whatever chunks come. */
class Bits {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #chunk: Uint8Array = new Uint8Array();
  #at = 0;
  #held = 0;
  #count = 0;

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** So many bytes at least can be taken without waiting, or the end has come. */
  async fill(bytes: number): Promise<void> {
    while (this.#chunk.length - this.#at < bytes) {
      const { done, value } = await this.#chunks.next();
      if (done === true) return;
      this.#chunk = Buffer.concat([this.#chunk.subarray(this.#at), value]);
      this.#at = 0;
    }
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#chunk.length && this.#count < 8;
  }

  /** At most 24 at a time. */
  take(count: number): number {
    while (this.#count < count) {
      const byte = this.#chunk[this.#at++];
      if (byte === undefined) throw new BadTar('compressed file ended before its end marker');
      this.#held = ((this.#held << 8) | byte) & 0xffffffff;
      this.#count += 8;
    }
    this.#count -= count;
    return (this.#held >>> this.#count) & ((1 << count) - 1);
  }

  align(): void {
    this.#count -= this.#count % 8;
  }
}

/** A block of 900 kB never takes more than this compressed. */
const blockBytesMax = 1_200_000;

/** The bzip2 format, one block in memory at a time. */
export async function* bunzip2(chunks: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  const bits = new Bits(chunks);
  for (let isFirst = true; ; isFirst = false) {
    await bits.fill(blockBytesMax);
    if (bits.isAtEnd && !isFirst) return;
    if (bits.take(24) !== 0x425a68) throw new BadTar('not a bzip2 file');
    const level = bits.take(8) - 0x30;
    if (level < 1 || level > 9) throw new BadTar('not a bzip2 file');
    for (;;) {
      await bits.fill(blockBytesMax);
      const [high, low] = [bits.take(24), bits.take(24)];
      bits.take(16);
      bits.take(16);
      if (high === 0x177245 && low === 0x385090) break;
      if (high !== 0x314159 || low !== 0x265359) throw new BadTar('bad bzip2 block');
      yield blockDecode(bits, level * 100_000);
    }
    bits.align();
  }
}

function blockDecode(bits: Bits, sizeMax: number): Buffer {
  if (bits.take(1) !== 0) throw new BadTar('randomised bzip2 blocks are not supported');
  const origin = bits.take(24);
  const { symbols, tables, selectors } = tablesRead(bits);
  const transformed = moveToFrontDecode(bits, { symbols, tables, selectors }, sizeMax);
  if (origin >= transformed.length) throw new BadTar('bad bzip2 block');
  return runsExpand(transformUndo(transformed, origin));
}

interface Huffman {
  /** For each length of code: the greatest code, and what to subtract to find its symbol. */
  readonly limit: Int32Array;
  readonly base: Int32Array;
  readonly order: readonly number[];
}

interface Tables {
  readonly symbols: readonly number[];
  readonly tables: readonly Huffman[];
  readonly selectors: readonly number[];
}

function tablesRead(bits: Bits): Tables {
  const symbols: number[] = [];
  const groups = bits.take(16);
  for (let group = 0; group < 16; group++) {
    if ((groups & (0x8000 >> group)) === 0) continue;
    const used = bits.take(16);
    for (let bit = 0; bit < 16; bit++)
      if ((used & (0x8000 >> bit)) !== 0) symbols.push(group * 16 + bit);
  }
  const tableCount = bits.take(3);
  const selectorCount = bits.take(15);
  if (symbols.length === 0 || tableCount < 2 || tableCount > 6 || selectorCount === 0) {
    throw new BadTar('bad bzip2 block');
  }
  const order = Array.from({ length: tableCount }, (_, index) => index);
  const selectors = Array.from({ length: selectorCount }, () => {
    let at = 0;
    while (bits.take(1) === 1) at++;
    const [table] = order.splice(at, 1);
    if (table === undefined) throw new BadTar('bad bzip2 block');
    order.unshift(table);
    return table;
  });
  const tables = Array.from({ length: tableCount }, () => huffmanRead(bits, symbols.length + 2));
  return { symbols, tables, selectors };
}

function huffmanRead(bits: Bits, count: number): Huffman {
  let length = bits.take(5);
  const lengths = Array.from({ length: count }, () => {
    while (bits.take(1) === 1) length += bits.take(1) === 0 ? 1 : -1;
    if (length < 1 || length > 20) throw new BadTar('bad bzip2 block');
    return length;
  });
  const order = lengths
    .map((size, symbol) => ({ size, symbol }))
    .toSorted((a, b) => a.size - b.size || a.symbol - b.symbol)
    .map(({ symbol }) => symbol);
  const [limit, base] = [new Int32Array(22).fill(-1), new Int32Array(22)];
  for (let size = 1, code = 0, index = 0; size <= 20; size++, code <<= 1) {
    const here = lengths.filter((one) => one === size).length;
    base[size] = code - index;
    code += here;
    index += here;
    limit[size] = here === 0 ? -1 : code - 1;
  }
  return { limit, base, order };
}

function symbolRead(bits: Bits, { limit, base, order }: Huffman): number {
  for (let size = 1, code = 0; size <= 20; size++) {
    code = (code << 1) | bits.take(1);
    const most = limit[size] ?? -1;
    if (most >= 0 && code <= most) return order[code - (base[size] ?? 0)] ?? 0;
  }
  throw new BadTar('bad bzip2 block');
}

function moveToFrontDecode(
  bits: Bits,
  { symbols, tables, selectors }: Tables,
  sizeMax: number,
): Uint8Array {
  const recent = [...symbols];
  const end = symbols.length + 1;
  const out = new Uint8Array(sizeMax);
  let [size, run, weight] = [0, 0, 1];
  const put = (byte: number, count: number): void => {
    if (size + count > sizeMax) throw new BadTar('bad bzip2 block');
    out.fill(byte, size, size + count);
    size += count;
  };
  for (let index = 0; ; index++) {
    const table = tables[selectors[Math.floor(index / 50)] ?? -1];
    if (table === undefined) throw new BadTar('bad bzip2 block');
    const symbol = symbolRead(bits, table);
    if (symbol < 2) {
      run += weight << symbol;
      weight <<= 1;
      if (run > sizeMax) throw new BadTar('bad bzip2 block');
      continue;
    }
    if (run > 0) put(recent[0] ?? 0, run);
    [run, weight] = [0, 1];
    if (symbol === end) return out.subarray(0, size);
    const [byte = 0] = recent.splice(symbol - 1, 1);
    recent.unshift(byte);
    put(byte, 1);
  }
}

/** Undoes the Burrows-Wheeler transform. */
function transformUndo(bytes: Uint8Array, origin: number): Uint8Array {
  const starts = new Uint32Array(257);
  for (const byte of bytes) starts[byte + 1] = (starts[byte + 1] ?? 0) + 1;
  for (let byte = 1; byte <= 256; byte++)
    starts[byte] = (starts[byte] ?? 0) + (starts[byte - 1] ?? 0);
  const next = new Uint32Array(bytes.length);
  for (const [index, byte] of bytes.entries()) {
    const place = starts[byte] ?? 0;
    next[place] = index;
    starts[byte] = place + 1;
  }
  const out = new Uint8Array(bytes.length);
  let at = next[origin] ?? 0;
  for (let index = 0; index < out.length; index++) {
    out[index] = bytes[at] ?? 0;
    at = next[at] ?? 0;
  }
  return out;
}

/** Four equal bytes are followed by how many more there are. */
function runsExpand(bytes: Uint8Array): Buffer {
  const parts: Uint8Array[] = [];
  let [start, same] = [0, 1];
  for (let index = 1; index < bytes.length; index++) {
    same = bytes[index] === bytes[index - 1] ? same + 1 : 1;
    if (same < 4 || index + 1 >= bytes.length) continue;
    parts.push(bytes.subarray(start, index + 1));
    parts.push(new Uint8Array(bytes[index + 1] ?? 0).fill(bytes[index] ?? 0));
    start = index + 2;
    index += 2;
    same = 1;
  }
  parts.push(bytes.subarray(start));
  return Buffer.concat(parts);
}
