/** One file of an archive; its bytes must be read, or are skipped, before the next is asked for. */
export interface TarFile {
  readonly name: string;
  readonly sizeBytes: number;
  /** Extended attributes of PAX headers. */
  readonly attributes: ReadonlyMap<string, string>;
  readonly body: AsyncIterable<Uint8Array>;
}

/** The bytes are no archive, or one that is cut off. */
export class BadTar extends Error {
  override readonly name = 'BadTar';
}

const blockBytes = 512;
/** Names and attributes; what is longer is no name. */
const extensionMax = 1 << 20;

/** Reads exactly as many bytes as are asked for from whatever chunks come. */
class Reader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array();

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** At most so many bytes; null: the end. */
  async some(limit: number): Promise<Uint8Array | null> {
    while (this.#rest.length === 0) {
      const { done, value } = await this.#chunks.next();
      if (done === true) return null;
      this.#rest = value;
    }
    const part = this.#rest.subarray(0, limit);
    this.#rest = this.#rest.subarray(part.length);
    return part;
  }

  /** Null: the end came before the first byte. */
  async exactly(length: number): Promise<Buffer | null> {
    const parts: Uint8Array[] = [];
    let got = 0;
    while (got < length) {
      const part = await this.some(length - got);
      if (part === null) {
        if (got === 0) return null;
        throw new BadTar('unexpected end of data');
      }
      parts.push(part);
      got += part.length;
    }
    return Buffer.concat(parts);
  }
}

/** Files of a tar archive (ustar, GNU, PAX), one after the other, in constant memory. */
export async function* tarRead(chunks: AsyncIterable<Uint8Array>): AsyncIterable<TarFile> {
  const reader = new Reader(chunks);
  let longName: string | null = null;
  let attributes = new Map<string, string>();
  for (let isFirst = true; ; isFirst = false) {
    const block = await reader.exactly(blockBytes);
    if (block === null && isFirst) throw new BadTar('empty file');
    if (block === null || block.every((byte) => byte === 0)) return;
    const head = headParse(block);
    if (head.kind === 'L' || head.kind === 'x' || head.kind === 'g') {
      if (head.sizeBytes > extensionMax) throw new BadTar('an extended header is too long');
      const body = (await reader.exactly(padded(head.sizeBytes)))?.subarray(0, head.sizeBytes);
      if (head.kind === 'L') longName = textOf(body ?? Buffer.alloc(0));
      else attributes = new Map([...attributes, ...paxParse(body ?? Buffer.alloc(0))]);
      continue;
    }
    const sizeBytes = Number(attributes.get('size') ?? head.sizeBytes);
    const name = attributes.get('path') ?? longName ?? head.name;
    const left = { bytes: sizeBytes };
    const body = bodyRead(reader, left);
    if (head.kind === '0' || head.kind === '\0' || head.kind === '7') {
      yield { name, sizeBytes, attributes, body };
    }
    for await (const _skipped of body);
    if (padded(sizeBytes) > sizeBytes) await reader.exactly(padded(sizeBytes) - sizeBytes);
    longName = null;
    attributes = new Map();
  }
}

/** An iterable that may be left in the middle and taken up again. */
function bodyRead(reader: Reader, left: { bytes: number }): AsyncIterable<Uint8Array> {
  const iterator: AsyncIterator<Uint8Array> = {
    async next() {
      if (left.bytes === 0) return { done: true, value: undefined };
      const part = await reader.some(left.bytes);
      if (part === null) throw new BadTar('unexpected end of data');
      left.bytes -= part.length;
      return { done: false, value: part };
    },
  };
  return { [Symbol.asyncIterator]: () => iterator };
}

const padded = (length: number): number => Math.ceil(length / blockBytes) * blockBytes;

const textOf = (bytes: Buffer): string => {
  const end = bytes.indexOf(0);
  return bytes.toString('utf8', 0, end < 0 ? bytes.length : end);
};

function headParse(block: Buffer): {
  readonly name: string;
  readonly sizeBytes: number;
  readonly kind: string;
} {
  const sum = numberOf(block.subarray(148, 156));
  let actual = 0;
  for (const [index, byte] of block.entries()) actual += index >= 148 && index < 156 ? 32 : byte;
  if (sum !== actual) throw new BadTar('bad checksum');
  const isPosix = block.toString('latin1', 257, 263) === 'ustar\0';
  const prefix = isPosix ? textOf(block.subarray(345, 500)) : '';
  const name = textOf(block.subarray(0, 100));
  return {
    name: prefix === '' ? name : `${prefix}/${name}`,
    sizeBytes: numberOf(block.subarray(124, 136)),
    kind: String.fromCharCode(block[156] ?? 0),
  };
}

/** Octal text, or for what is too large a binary number marked by its first bit. */
function numberOf(field: Buffer): number {
  if (((field[0] ?? 0) & 0x80) !== 0) {
    const value = field.subarray(1).reduce((sum, byte) => sum * 256 + byte, 0);
    if (!Number.isSafeInteger(value)) throw new BadTar('a number is too large');
    return value;
  }
  const text = textOf(field).trim();
  if (!/^[0-7]*$/.test(text)) throw new BadTar('invalid header');
  return text === '' ? 0 : Number.parseInt(text, 8);
}

/** Records of the form `<length> <key>=<value>\n`. */
function paxParse(bytes: Buffer): Map<string, string> {
  const records = new Map<string, string>();
  for (let at = 0; at < bytes.length;) {
    const space = bytes.indexOf(32, at);
    const length = Number(bytes.toString('latin1', at, space));
    if (space < 0 || !Number.isInteger(length) || length <= space - at)
      throw new BadTar('invalid header');
    const record = bytes.toString('utf8', space + 1, at + length - 1);
    const equals = record.indexOf('=');
    if (equals > 0) records.set(record.slice(0, equals), record.slice(equals + 1));
    at += length;
  }
  return records;
}
