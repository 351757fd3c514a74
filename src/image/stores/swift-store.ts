import { createHash } from 'node:crypto';
import { Failure } from '../../kernel/errors.ts';
import type { ImageStore, StoreWriter } from './image-store.ts';
import {
  answerText,
  readResumed,
  storeDown,
  type StoreAnswer,
  type StoreClient,
} from './store-http.ts';
import type { SwiftSession } from './swift-session.ts';

export interface SwiftStoreOptions {
  readonly id: string;
  readonly description: string;
  readonly container: string;
  readonly session: SwiftSession;
  readonly client: StoreClient;
  /** A larger image is several objects, which a static large object joins. */
  readonly segmentBytes?: number;
}

interface SwiftCall {
  readonly method: string;
  /** Below the container; empty: the container itself. */
  readonly path?: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | AsyncIterable<Uint8Array>;
}
type Call = (call: SwiftCall, accepted: readonly number[]) => Promise<StoreAnswer>;

/** Images as objects of any Swift: `KEY`, and `KEY/00001` for the segments of a large one. */
export function swiftStore(options: SwiftStoreOptions): ImageStore {
  const { id, description, container, segmentBytes = 1 << 30 } = options;
  const call = callerOf(options);
  return {
    id,
    type: 'swift',
    description,
    properties: {
      container,
      large_object_size: segmentBytes >> 20,
      large_object_chunk_size: segmentBytes >> 20,
    },
    urlOf: (key) => `swift+config://${id}/${container}/${key}`,
    write: async (key) => swiftWriter(call, { container, key, segmentBytes }),
    async sizeOf(key) {
      const answer = await call({ method: 'HEAD', path: key }, [200, 404]);
      answer.discard();
      return answer.status === 404 ? null : Number(answer.headers['content-length'] ?? 0);
    },
    read: (key, offset, lengthBytes) =>
      readResumed({ offset, lengthBytes }, async (from, length) => {
        const range = `bytes=${from}-${from + length - 1}`;
        const answer = await call({ method: 'GET', path: key, headers: { range } }, [200, 206]);
        if (answer.status === 200 && from > 0) throw storeDown(new Error('no ranges'));
        return answer.body;
      }),
    async remove(key) {
      // The name first: a manifest whose segments are gone would be an image that cannot be read.
      (await call({ method: 'DELETE', path: key }, [204, 404])).discard();
      for await (const name of namesOf(call, `${key}/`)) {
        (await call({ method: 'DELETE', path: name }, [204, 404])).discard();
      }
    },
    async *keys() {
      let last = '';
      for await (const name of namesOf(call, '')) {
        const key = name.replace(/\/\d+$/, '');
        if (key !== last) yield key;
        last = key;
      }
    },
  };
}

/** A token that is no longer good is replaced once. */
function callerOf({ client, session, container }: SwiftStoreOptions): Call {
  const once = async (wanted: SwiftCall, isFresh: boolean): Promise<StoreAnswer> => {
    const { method, path = '', query = {}, headers = {}, body } = wanted;
    const { storageUrl, token } = await session.open(isFresh);
    const name = [container, ...path.split('/')].map(encodeURIComponent).join('/');
    const url = new URL(`${storageUrl}/${path === '' ? encodeURIComponent(container) : name}`);
    for (const [key, value] of Object.entries(query)) url.searchParams.set(key, value);
    return client({
      method,
      url,
      headers: { ...headers, 'x-auth-token': token },
      ...(body !== undefined && { body }),
    });
  };
  return async (wanted, accepted) => {
    let answer = await once(wanted, false);
    const canRepeat = wanted.body === undefined || wanted.body instanceof Uint8Array;
    if (answer.status === 401 && canRepeat) {
      answer.discard();
      answer = await once(wanted, true);
    }
    if (accepted.includes(answer.status)) return answer;
    answer.discard();
    if (answer.status === 413 || answer.status === 507) {
      throw new Failure('too_large', 'Image storage media is full.', { type: 'StorageFull' });
    }
    throw storeDown(new Error(`Swift answered ${wanted.method} with ${answer.status}`));
  };
}

/** A segment being sent: chunks go in, its name and checksum come out. */
interface Segment {
  readonly name: string;
  readonly sizeBytes: () => number;
  push(chunk: Uint8Array): Promise<void>;
  end(): Promise<string>;
}

function segmentOpen(call: Call, name: string): Segment {
  const md5 = createHash('md5');
  let sizeBytes = 0;
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  const sent = call({ method: 'PUT', path: name, body: readable }, [201]);
  let failure: unknown = null;
  sent.catch((error: unknown) => {
    failure = error;
    void writer.abort(error).catch(() => {});
  });
  return {
    name,
    sizeBytes: () => sizeBytes,
    async push(chunk) {
      md5.update(chunk);
      sizeBytes += chunk.length;
      // The caller uses the chunk again.
      await writer.write(Buffer.from(chunk)).catch(() => {});
      if (failure !== null) throw failure;
    },
    async end() {
      await writer.close().catch(() => {});
      const answer = await sent;
      answer.discard();
      const etag = md5.digest('hex');
      if (answer.headers['etag']?.replaceAll('"', '') !== etag) {
        throw storeDown(new Error('Swift received other bytes than were sent'));
      }
      return etag;
    },
  };
}

interface Manifest {
  readonly path: string;
  readonly etag: string;
  readonly size_bytes: number;
}

/** The first object is the image itself if it stays alone; else it is copied into the first segment's place. */
function swiftWriter(
  call: Call,
  { container, key, segmentBytes }: { container: string; key: string; segmentBytes: number },
): StoreWriter {
  const manifest: Manifest[] = [];
  let segment: Segment | null = null;
  let hasContainer = false;
  const segmentEnd = async (): Promise<void> => {
    if (segment === null) return;
    const ended = segment;
    segment = null;
    const etag = await ended.end();
    manifest.push({ path: `/${container}/${ended.name}`, etag, size_bytes: ended.sizeBytes() });
  };
  const segmentNext = async (): Promise<Segment> => {
    if (!hasContainer) (await call({ method: 'PUT' }, [201, 202])).discard();
    hasContainer = true;
    const number = String(manifest.length + 1).padStart(5, '0');
    segment = segmentOpen(call, `${key}/${number}`);
    return segment;
  };
  return {
    async write(chunk) {
      for (let at = 0; at < chunk.length;) {
        const open = segment ?? (await segmentNext());
        const part = chunk.subarray(at, at + segmentBytes - open.sizeBytes());
        await open.push(part);
        at += part.length;
        if (open.sizeBytes() >= segmentBytes) await segmentEnd();
      }
    },
    async finish() {
      if (segment === null && manifest.length === 0) await segmentNext();
      await segmentEnd();
      const query = { 'multipart-manifest': 'put' };
      const body = Buffer.from(JSON.stringify(manifest.filter(({ size_bytes }) => size_bytes > 0)));
      const isEmpty = manifest.every(({ size_bytes }) => size_bytes === 0);
      const made = isEmpty
        ? await call({ method: 'PUT', path: key, body: Buffer.alloc(0) }, [201])
        : await call({ method: 'PUT', path: key, query, body }, [201]);
      made.discard();
    },
    async abort() {
      // What was sent is found and removed by the sweep, or at once by who gives the key up.
      await segmentEnd().catch(() => {});
    },
  };
}

async function* namesOf(call: Call, prefix: string): AsyncIterable<string> {
  for (let marker = ''; ;) {
    const query = { format: 'json', prefix, marker, limit: '1000' };
    const answer = await call({ method: 'GET', query }, [200, 204, 404]);
    const text = await answerText(answer);
    if (answer.status !== 200 || text === '') return;
    const names = (JSON.parse(text) as { name: string }[]).map(({ name }) => name);
    yield* names;
    const last = names.at(-1);
    if (last === undefined) return;
    marker = last;
  }
}
