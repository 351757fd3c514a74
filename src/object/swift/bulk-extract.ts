import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { bulkBody, bulkType, type Problem } from './bulk-reply.ts';
import { bunzip2 } from './bunzip2.ts';
import { limits } from './limits.ts';
import {
  failureReply,
  Refusal,
  refuse,
  statusLine,
  textOf,
  type SwiftReply,
} from './swift.reply.ts';
import { pathQuote, splitOnce, type Headers } from './place.ts';
import { noBody, type SwiftRequest } from './swift.request.ts';
import { BadTar, tarRead, type TarFile } from './tar.ts';

export const extractLimits = { containers: 10_000, failures: 1000 } as const;

/** Does what a PUT of its own would do. */
export type Put = (request: SwiftRequest) => Promise<SwiftReply>;

const unpackers: Readonly<
  Record<string, (body: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>>
> = {
  tar: (body) => body,
  'tar.gz': (body) => Readable.from(body).compose(createGunzip()) as AsyncIterable<Uint8Array>,
  'tar.bz2': bunzip2,
};

/** `PUT ?extract-archive=`: every file of an archive becomes an object, its first folder a container. */
export async function archiveExtract(request: SwiftRequest, put: Put): Promise<SwiftReply> {
  const unpack = unpackers[(request.query.get('extract-archive') ?? '').toLowerCase()];
  if (unpack === undefined) throw refuse(400, 'Unsupported archive format');
  if (request.sizeBytes === null && !request.isChunked) throw refuse(411);
  const type = bulkType(request);
  const extraction = new Extraction(request, put);
  await extraction.run(unpack(request.body));
  return {
    status: 200,
    headers: { 'content-type': type },
    body: bulkBody(type, extraction.facts, extraction.problems, 'extract'),
  };
}

class Extraction {
  readonly facts = {
    'Number Files Created': 0,
    'Response Body': '',
    'Response Status': '201 Created',
  };
  readonly problems: Problem[] = [];
  readonly #request: SwiftRequest;
  readonly #put: Put;
  readonly #containers = new Set<string>();

  constructor(request: SwiftRequest, put: Put) {
    this.#request = request;
    this.#put = put;
  }

  async run(archive: AsyncIterable<Uint8Array>): Promise<void> {
    try {
      for await (const file of tarRead(archive)) {
        await this.#fileStore(file);
        if (this.problems.length >= extractLimits.failures) break;
      }
      if (this.problems.length > 0) this.#fail('400 Bad Request', '');
      else if (this.facts['Number Files Created'] === 0) {
        this.#fail('400 Bad Request', 'Invalid Tar File: No Valid Files');
      }
    } catch (error) {
      if (error instanceof Refusal) {
        return this.#fail(statusLine(error.reply.status), textOf(error.reply));
      }
      if (!isBadArchive(error)) throw error;
      this.#fail('400 Bad Request', `Invalid Tar File: ${(error as Error).message}`);
    }
  }

  #fail(status: string, body: string): void {
    this.facts['Response Status'] = status;
    this.facts['Response Body'] = body;
  }

  async #fileStore(file: TarFile): Promise<void> {
    const { account, container: base, object: below } = this.#request;
    const inside = file.name.replace(/^\.\//, '').replace(/^\/+/, '');
    const prefix = [base, below]
      .filter((part) => part !== null)
      .join('/')
      .replace(/\/+$/, '');
    const path = prefix === '' ? inside : `${prefix}/${inside}`;
    const [container = '', object] = splitOnce(path, '/');
    // What lies beside all folders has no container to go to.
    if (object === undefined || object === '') return;
    if (path.includes('\uFFFD')) return void this.problems.push([pathQuote(path), statusLine(412)]);
    if (file.sizeBytes > limits.maxFileBytes) {
      return void this.problems.push([pathQuote(path), statusLine(413)]);
    }
    const failure = await this.#containerEnsure(container);
    const status = await this.#send({
      account,
      container,
      object,
      headers: headersOfFile(this.#request.headers, file),
      body: file.body,
      sizeBytes: file.sizeBytes,
    });
    if (status >= 200 && status < 300) return void this.facts['Number Files Created']++;
    if (failure !== null)
      this.problems.push([pathQuote(`/v1/${account}/${container}`), statusLine(failure)]);
    this.problems.push([pathQuote(path), statusLine(status)]);
    if (status === 401) throw refuse(401);
  }

  /** Null: it is there. */
  async #containerEnsure(container: string): Promise<number | null> {
    if (this.#containers.has(container)) return null;
    if (this.#containers.size >= extractLimits.containers) {
      throw refuse(400, `More than ${extractLimits.containers} containers to create from tar.`);
    }
    this.#containers.add(container);
    const { account } = this.#request;
    const place = { account, container, object: null };
    const status = await this.#send({ ...place, headers: {}, body: noBody(), sizeBytes: 0 });
    if (status === 401) throw refuse(401);
    return status < 300 ? null : status;
  }

  async #send(
    part: Pick<SwiftRequest, 'account' | 'container' | 'object' | 'headers' | 'body' | 'sizeBytes'>,
  ): Promise<number> {
    const request = {
      ...this.#request,
      ...part,
      method: 'PUT',
      query: new Map(),
      isChunked: false,
    };
    try {
      return (await this.#put(request)).status;
    } catch (error) {
      const refused = failureReply(error);
      if (refused === null || isBadArchive(error)) throw error;
      return refused.status;
    }
  }
}

const isBadArchive = (error: unknown): boolean =>
  error instanceof BadTar || String((error as NodeJS.ErrnoException).code).startsWith('Z_');

/** Metadata of the request for every file, and what the archive says of this one. */
function headersOfFile(asked: Headers, { attributes }: TarFile): Headers {
  const headers: Record<string, string | undefined> = {};
  for (const [name, value] of Object.entries(asked)) {
    if (name.startsWith('x-object-meta-') || name.startsWith('x-delete-')) headers[name] = value;
  }
  for (const [key, value] of attributes) {
    const name = /^(?:SCHILY|LIBARCHIVE)\.xattr\.user\.(.*)$/s.exec(key)?.[1] ?? '';
    if (name === 'mime_type') headers['content-type'] = value;
    else if (name.startsWith('meta.'))
      headers[`x-object-meta-${name.slice(5).toLowerCase()}`] = value;
  }
  return headers;
}
