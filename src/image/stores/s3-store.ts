import type { Clock } from '../../kernel/clock.ts';
import { Failure } from '../../kernel/errors.ts';
import type { ImageStore, StoreWriter } from './image-store.ts';
import { s3Sign, sha256Hex, type S3Keys } from './s3-signature.ts';
import {
  answerText,
  readResumed,
  storeDown,
  type StoreAnswer,
  type StoreClient,
} from './store-http.ts';

export interface S3StoreOptions extends S3Keys {
  readonly id: string;
  readonly description: string;
  /** `https://s3.example.org`. */
  readonly endpoint: string;
  readonly bucket: string;
  /** Begins every key; several clouds can share a bucket. */
  readonly prefix: string;
  /** `path`: the bucket is part of the path; `virtual`: of the host's name. */
  readonly style: 'path' | 'virtual';
  readonly client: StoreClient;
  readonly clock: Clock;
  readonly partBytes?: number;
}

const tries = 3;
const retryMs = 500;
/** S3's limit is 10,000 parts: they grow, so that any image fits. */
const partsOfOneSize = 1_000;

interface S3Call {
  readonly method: string;
  readonly key?: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}
type Call = (call: S3Call, accepted: readonly number[]) => Promise<StoreAnswer>;

export interface S3Store extends ImageStore {
  /** Removes what is not complete under the key. Repeatable. */
  partsRemove(key: string): Promise<void>;
}

/** Images as objects of any S3 service: a key is visible when its last part is. */
export function s3Store(options: S3StoreOptions): S3Store {
  const { id, description, endpoint, bucket, prefix, partBytes = 16 << 20 } = options;
  const call = callerOf(options);
  const keyOf = (key: string): string => prefix + key;
  const partsRemove = async (key: string): Promise<void> => {
    for await (const upload of uploadsOf(call, keyOf(key))) {
      const query = { uploadId: upload.id };
      (await call({ method: 'DELETE', key: upload.key, query }, [204, 404])).discard();
    }
  };
  return {
    id,
    type: 's3',
    description,
    properties: {
      s3_store_host: endpoint,
      s3_store_bucket: bucket,
      s3_store_large_object_chunk_size: partBytes >> 20,
    },
    urlOf: (key) => `s3://${new URL(endpoint).host}/${bucket}/${keyOf(key)}`,
    write: async (key) => s3Writer(call, keyOf(key), partBytes),
    async sizeOf(key) {
      const answer = await call({ method: 'HEAD', key: keyOf(key) }, [200, 404]);
      answer.discard();
      return answer.status === 404 ? null : Number(answer.headers['content-length'] ?? 0);
    },
    read: (key, offset, lengthBytes) =>
      readResumed({ offset, lengthBytes }, async (from, length) => {
        const range = `bytes=${from}-${from + length - 1}`;
        const answer = await call({ method: 'GET', key: keyOf(key), headers: { range } }, [206]);
        return answer.body;
      }),
    partsRemove,
    async remove(key) {
      await partsRemove(key);
      (await call({ method: 'DELETE', key: keyOf(key) }, [200, 204, 404])).discard();
    },
    async *keys() {
      for await (const key of objectsOf(call, prefix)) yield key.slice(prefix.length);
      for await (const { key } of uploadsOf(call, prefix)) yield key.slice(prefix.length);
    },
  };
}

function callerOf(options: S3StoreOptions): Call {
  const { client, clock, endpoint, bucket, style } = options;
  const urlOf = (key: string, query: Readonly<Record<string, string>>): URL => {
    const url = new URL(endpoint);
    const path = key.split('/').map(encodeURIComponent).join('/');
    if (style === 'virtual') url.hostname = `${bucket}.${url.hostname}`;
    const base = url.pathname.replace(/\/$/, '');
    url.pathname = style === 'virtual' ? `${base}/${path}` : `${base}/${bucket}/${path}`;
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    return url;
  };
  const once = async ({ method, key = '', query = {}, headers = {}, body }: S3Call) => {
    const url = urlOf(key, query);
    const bodySha256 = sha256Hex(body ?? '');
    const signed = s3Sign({ method, url, headers, bodySha256 }, options, clock.now());
    return client({ method, url, headers: signed, ...(body !== undefined && { body }) });
  };
  return async (wanted, accepted) => {
    for (let attempt = 1; ; attempt++) {
      try {
        const answer = await once(wanted);
        if (accepted.includes(answer.status)) return answer;
        // Names of errors, never the request: it carries the signature.
        const code = /<Code>(\w+)<\/Code>/.exec(await answerText(answer))?.[1] ?? '';
        const cause = new Error(`S3 answered ${wanted.method} with ${answer.status} ${code}`);
        if (answer.status < 500 && answer.status !== 429) throw new Refused(cause);
        throw storeDown(cause);
      } catch (error) {
        if (error instanceof Refused) throw storeDown(error.cause);
        if (attempt >= tries || !(error instanceof Failure)) throw error;
        await clock.sleep(retryMs * attempt);
      }
    }
  };
}

/** Asking again would not help. */
class Refused extends Error {
  constructor(cause: Error) {
    super(cause.message, { cause });
  }
}

/** One object when it is small, else parts: the next is filled while one is sent. */
function s3Writer(call: Call, key: string, partBytes: number): StoreWriter {
  const etags: string[] = [];
  let uploadId: string | null = null;
  let filling: Buffer = Buffer.allocUnsafeSlow(partBytes);
  let filledBytes = 0;
  let sending: Promise<void> = Promise.resolve();
  const partSend = async (part: Buffer, number: number): Promise<void> => {
    uploadId ??= await uploadBegin(call, key);
    const query = { partNumber: String(number), uploadId };
    const answer = await call({ method: 'PUT', key, query, body: part }, [200]);
    answer.discard();
    etags[number - 1] = answer.headers['etag'] ?? '';
  };
  let parts = 0;
  const flush = async (): Promise<void> => {
    await sending;
    const part = filling.subarray(0, filledBytes);
    const number = ++parts;
    sending = partSend(part, number);
    // Met at the next flush, or at the end.
    sending.catch(() => {});
    filling = Buffer.allocUnsafeSlow(partBytes * 2 ** Math.floor(parts / partsOfOneSize));
    filledBytes = 0;
  };
  return {
    async write(chunk) {
      for (let at = 0; at < chunk.length;) {
        const part = chunk.subarray(at, at + filling.length - filledBytes);
        filling.set(part, filledBytes);
        filledBytes += part.length;
        at += part.length;
        if (filledBytes === filling.length) await flush();
      }
    },
    async finish() {
      if (parts === 0) {
        const body = filling.subarray(0, filledBytes);
        (await call({ method: 'PUT', key, body }, [200])).discard();
        return;
      }
      if (filledBytes > 0) await flush();
      await sending;
      if (uploadId !== null) await uploadComplete(call, key, uploadId, etags);
    },
    async abort() {
      await sending.catch(() => {});
      if (uploadId === null) return;
      const query = { uploadId };
      await call({ method: 'DELETE', key, query }, [204, 404]).then(
        (answer) => answer.discard(),
        // The sweep finds what is left.
        () => {},
      );
    },
  };
}

async function uploadBegin(call: Call, key: string): Promise<string> {
  const answer = await call({ method: 'POST', key, query: { uploads: '' } }, [200]);
  const id = elementText(await answerText(answer), 'UploadId');
  if (id === null) throw storeDown(new Error('S3 began an upload without an id'));
  return id;
}

async function uploadComplete(
  call: Call,
  key: string,
  uploadId: string,
  etags: readonly string[],
): Promise<void> {
  const parts = etags.map(
    (etag, index) =>
      `<Part><PartNumber>${index + 1}</PartNumber><ETag>${xmlEscape(etag)}</ETag></Part>`,
  );
  const xml = `<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${parts.join('')}</CompleteMultipartUpload>`;
  const wanted = { method: 'POST', key, query: { uploadId }, body: Buffer.from(xml) };
  const text = await answerText(await call(wanted, [200]));
  // S3 sends its head before it knows: an error can come with 200.
  if (text.includes('<Error>')) throw storeDown(new Error('S3 could not join the parts'));
}

async function* objectsOf(call: Call, prefix: string): AsyncIterable<string> {
  let token: string | null = null;
  do {
    const query: Record<string, string> = { 'list-type': '2', prefix };
    if (token !== null) query['continuation-token'] = token;
    const text = await answerText(await call({ method: 'GET', query }, [200]));
    yield* elementTexts(text, 'Key');
    token = elementText(text, 'NextContinuationToken');
  } while (token !== null);
}

async function* uploadsOf(
  call: Call,
  prefix: string,
): AsyncIterable<{ readonly key: string; readonly id: string }> {
  let marker: { key: string; id: string } | null = null;
  do {
    const query: Record<string, string> = { uploads: '', prefix };
    if (marker !== null) {
      query['key-marker'] = marker.key;
      query['upload-id-marker'] = marker.id;
    }
    const text: string = await answerText(await call({ method: 'GET', query }, [200]));
    for (const [, upload = ''] of text.matchAll(/<Upload>(.*?)<\/Upload>/gs)) {
      const [key, id] = [elementText(upload, 'Key'), elementText(upload, 'UploadId')];
      if (key !== null && id !== null) yield { key, id };
    }
    const [key, id] = [elementText(text, 'NextKeyMarker'), elementText(text, 'NextUploadIdMarker')];
    const isMore = elementText(text, 'IsTruncated') === 'true';
    marker = isMore && key !== null && id !== null ? { key, id } : null;
  } while (marker !== null);
}

const entities: Readonly<Record<string, string>> = {
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&apos;': "'",
  '&#39;': "'",
  '&#34;': '"',
  '&amp;': '&',
};
const xmlUnescape = (text: string): string =>
  text.replace(/&(?:lt|gt|quot|apos|#39|#34|amp);/g, (entity) => entities[entity] ?? entity);
const xmlEscape = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

function* elementTexts(xml: string, name: string): Iterable<string> {
  for (const [, text = ''] of xml.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, 'g'))) {
    yield xmlUnescape(text);
  }
}
const elementText = (xml: string, name: string): string | null =>
  elementTexts(xml, name)[Symbol.iterator]().next().value ?? null;
