/** One part of a `multipart/form-data` body. Its bytes must be read before the next part is asked for. */
export interface FormPart {
  /** Lower-case names. */
  readonly headers: ReadonlyMap<string, string>;
  readonly name: string | null;
  /** Null: a field and not a file. */
  readonly filename: string | null;
  readonly body: AsyncIterable<Uint8Array>;
}

export class BadForm extends Error {
  override readonly name = 'BadForm';
}

const headersMax = 16_384;

/** Cuts a stream at a mark, wherever the chunks happen to break. */
class Cutter {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #rest: Buffer = Buffer.alloc(0);
  #isDone = false;

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  async #more(): Promise<void> {
    const { done, value } = await this.#chunks.next();
    if (done === true) this.#isDone = true;
    else this.#rest = Buffer.concat([this.#rest, value]);
  }

  /** What stands before the mark, piece by piece; the mark itself is taken too. Throws at the end of the stream. */
  async *before(mark: Buffer): AsyncIterable<Uint8Array> {
    for (;;) {
      const at = this.#rest.indexOf(mark);
      if (at >= 0) {
        const piece = this.#rest.subarray(0, at);
        this.#rest = this.#rest.subarray(at + mark.length);
        if (piece.length > 0) yield piece;
        return;
      }
      const safe = this.#rest.length - mark.length + 1;
      if (safe > 0) {
        const piece = this.#rest.subarray(0, safe);
        this.#rest = this.#rest.subarray(safe);
        yield piece;
      }
      if (this.#isDone) throw new BadForm('the form ended before its last boundary');
      await this.#more();
    }
  }

  async exactly(length: number): Promise<Buffer> {
    while (this.#rest.length < length && !this.#isDone) await this.#more();
    const piece = this.#rest.subarray(0, length);
    this.#rest = this.#rest.subarray(length);
    return piece;
  }
}

/** The boundary of a form's content type; null: it is no form. */
export function formBoundary(contentType: string | undefined): string | null {
  const { value, parameters } = dispositionParse(contentType ?? '');
  if (value !== 'multipart/form-data') return null;
  return parameters.get('boundary') ?? null;
}

/** The parts of a form one after the other, in constant memory. */
export async function* formRead(
  chunks: AsyncIterable<Uint8Array>,
  boundary: string,
): AsyncIterable<FormPart> {
  const cutter = new Cutter(chunks);
  const first = Buffer.from(`--${boundary}`);
  if (!(await cutter.exactly(first.length)).equals(first)) {
    throw new BadForm('invalid starting boundary');
  }
  const mark = Buffer.from(`\r\n--${boundary}`);
  for (;;) {
    const after = (await cutter.exactly(2)).toString('latin1');
    if (after === '--') return;
    if (after !== '\r\n') throw new BadForm('invalid starting boundary');
    const headers = await headersRead(cutter);
    const { parameters } = dispositionParse(headers.get('content-disposition') ?? '');
    const body = cutter.before(mark)[Symbol.asyncIterator]();
    yield {
      headers,
      name: parameters.get('name') ?? null,
      filename: parameters.get('filename') ?? null,
      body: { [Symbol.asyncIterator]: () => ({ next: () => body.next() }) },
    };
    // Whatever was not read of the part.
    for (let step = await body.next(); step.done !== true; step = await body.next());
  }
}

async function headersRead(cutter: Cutter): Promise<Map<string, string>> {
  const headers = new Map<string, string>();
  let total = 0;
  for (;;) {
    const pieces: Uint8Array[] = [];
    for await (const piece of cutter.before(Buffer.from('\r\n'))) {
      total += piece.length;
      if (total > headersMax) throw new BadForm('the headers of a part are too long');
      pieces.push(piece);
    }
    const line = Buffer.concat(pieces).toString('utf8');
    if (line === '') return headers;
    const colon = line.indexOf(':');
    if (colon > 0)
      headers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
  }
}

/** `form-data; name="a"; filename="b"`. */
export function dispositionParse(text: string): {
  readonly value: string;
  readonly parameters: ReadonlyMap<string, string>;
} {
  const [value = '', ...rest] = text.split(/;(.*)/s);
  const parameters = new Map<string, string>();
  for (const [, name = '', quoted, bare = ''] of (rest[0] ?? '').matchAll(
    /([\w*-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]*))/g,
  )) {
    parameters.set(name.toLowerCase(), quoted?.replaceAll(/\\(.)/g, '$1') ?? bare);
  }
  return { value: value.trim().toLowerCase(), parameters };
}
