import { S3Failure } from '../failure.ts';

/** What comes before the file of an HTML form, and the file itself as it comes in. */
export interface Form {
  /** Names in small letters. */
  readonly fields: ReadonlyMap<string, string>;
  readonly fileName: string;
  readonly file: AsyncIterable<Uint8Array>;
}

const fieldsLimitBytes = 64 << 10;
const blankLine = Buffer.from('\r\n\r\n');
const malformed = (why: string): S3Failure =>
  new S3Failure('MalformedPOSTRequest', undefined, { cause: new Error(why) });

/** `multipart/form-data; boundary=...`. */
export function boundaryOf(contentType: string): string {
  const [, quoted, bare] =
    /;\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))/i.exec(contentType) ?? [];
  const boundary = quoted ?? bare;
  if (!/^multipart\/form-data\b/i.test(contentType) || boundary === undefined) {
    throw new S3Failure(
      'PreconditionFailed',
      'Bucket POST must be of the enclosure-type multipart/form-data',
      {
        fields: { Condition: 'Bucket POST must be of the enclosure-type multipart/form-data' },
      },
    );
  }
  return boundary;
}

/** Reads as far as the first byte of the file; what follows the file is nobody's. */
export async function formRead(chunks: AsyncIterable<Uint8Array>, boundary: string): Promise<Form> {
  const source = new Pushback(chunks);
  const delimiter = Buffer.from(`\r\n--${boundary}`);
  const fields = new Map<string, string>();
  let sizeBytes = 0;
  // The first boundary has no line before it.
  source.unread(Buffer.from('\r\n'));
  await source.until(delimiter, fieldsLimitBytes);
  for (;;) {
    const head = await source.until(blankLine, fieldsLimitBytes);
    const [, name = ''] = /;\s*name="([^"]*)"/i.exec(head.toString()) ?? [];
    if (name === '') throw malformed('a field has no name');
    if (name.toLowerCase() === 'file') {
      const [, fileName = ''] = /;\s*filename="([^"]*)"/i.exec(head.toString()) ?? [];
      return { fields, fileName, file: source.rest(delimiter) };
    }
    const value = await source.until(delimiter, fieldsLimitBytes);
    sizeBytes += head.length + value.length;
    if (sizeBytes > fieldsLimitBytes) throw new S3Failure('MaxPostPreDataLengthExceededError');
    fields.set(name.toLowerCase(), value.toString());
  }
}

class Pushback {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #held: Buffer = Buffer.alloc(0);

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  unread(bytes: Buffer): void {
    this.#held = Buffer.concat([bytes, this.#held]);
  }

  async #more(): Promise<boolean> {
    const { done, value } = await this.#chunks.next();
    if (done === true) return false;
    this.#held = this.#held.length === 0 ? Buffer.from(value) : Buffer.concat([this.#held, value]);
    return true;
  }

  /** What stands before the mark, which is taken too. */
  async until(mark: Buffer, limitBytes: number): Promise<Buffer> {
    for (;;) {
      const at = this.#held.indexOf(mark);
      if (at >= 0) {
        const found = this.#held.subarray(0, at);
        this.#held = this.#held.subarray(at + mark.length);
        return found;
      }
      if (this.#held.length > limitBytes) throw new S3Failure('MaxPostPreDataLengthExceededError');
      if (!(await this.#more())) {
        throw new S3Failure(
          'IncompleteBody',
          'The body of your POST request is not well-formed multipart/form-data.',
        );
      }
    }
  }

  /** As it comes, up to the mark; holds back what could be its beginning. */
  async *rest(mark: Buffer): AsyncIterable<Uint8Array> {
    for (;;) {
      const at = this.#held.indexOf(mark);
      if (at >= 0) {
        if (at > 0) yield Buffer.from(this.#held.subarray(0, at));
        break;
      }
      const safe = this.#held.length - mark.length;
      if (safe > 0) {
        yield Buffer.from(this.#held.subarray(0, safe));
        this.#held = this.#held.subarray(safe);
      }
      if (!(await this.#more())) throw new S3Failure('IncompleteBody');
    }
    for (let left = (await this.#chunks.next()).done; left !== true;) {
      left = (await this.#chunks.next()).done;
    }
  }
}
