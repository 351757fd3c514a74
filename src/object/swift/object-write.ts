import type { Container } from '../container.model.ts';
import { objectCopy } from '../object-copy.ts';
import { objectGet } from '../object-get.ts';
import { objectPut, type Guard } from '../object-put.ts';
import type { ObjectFacts, StoredObject } from '../object.model.ts';
import type { ObjectWorld } from '../object.world.ts';
import { containerNeed } from './access.ts';
import { archiveBefore } from './archive.ts';
import { contentTypeOf } from './content-type.ts';
import { expiryOf, limits, nameCheck } from './limits.ts';
import { factsOfHeaders, swiftFactsIn, type SwiftFacts } from './object-facts.ts';
import { peerManifest } from './peer-manifest.ts';
import { quotaGuard } from './quota.ts';
import type { Source } from './source.model.ts';
import { linkWanted } from './symlink.ts';
import { syncTime } from './sync.ts';
import { httpDate, refuse, type SwiftReply } from './swift.reply.ts';
import { isTrue, type SwiftRequest } from './swift.request.ts';

export interface WriteOptions {
  /** The bytes are this object's; nothing is read from the client. */
  readonly copied?: Source;
  /** What Swift keeps beside what the headers say. */
  readonly swift?: SwiftFacts;
  /** What counts against quotas where it is not the length of the body. */
  readonly countedBytes?: number;
  /** Called with the new object. */
  readonly stored?: (object: StoredObject) => void;
}

/** PUT of an object: everything that leads to one comes through here. */
export async function objectWrite(
  world: ObjectWorld,
  request: SwiftRequest,
  options: WriteOptions = {},
): Promise<SwiftReply> {
  const { container } = await containerNeed(world, request, {
    place: request,
    method: 'PUT',
    acl: 'swift:write',
  });
  const peerUs = syncTime(world, request, container);
  const manifest = peerUs === null ? null : await peerManifest(request);
  if (manifest === null) return written(world, request, { container, options, peerUs });
  const { slo, bytes } = manifest;
  const sent = { ...request, body: bodyOf(bytes), sizeBytes: bytes.length };
  const kept = { swift: { slo }, countedBytes: slo.sizeBytes };
  return written(world, sent, { container, options: kept, peerUs });
}

// oxlint-disable-next-line typescript/require-await
async function* bodyOf(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}

interface Writing {
  readonly container: Container;
  readonly options: WriteOptions;
  readonly peerUs: number | null;
}

async function written(
  world: ObjectWorld,
  request: SwiftRequest,
  { container, options, peerUs }: Writing,
): Promise<SwiftReply> {
  const { headers } = request;
  requestCheck(request, options);
  const expiresAtMs = expiryOf(headers, world.clock.now()) ?? null;
  const facts = factsOfHeaders(headers);
  const link = await linkWanted(world, request, peerUs !== null);
  const swift: SwiftFacts = {
    ...(facts.swift as SwiftFacts),
    ...options.swift,
    ...(link && { link: link.link }),
  };
  const contentType = contentTypeFor(request, link?.contentType ?? null);
  const quota = await quotaGuard(world, container, options.countedBytes ?? request.sizeBytes);
  await archiveBefore(world, request, container);
  const stored = await store(world, container, {
    peerUs,
    request,
    options,
    contentType,
    expiresAtMs,
    facts: { ...facts, ...(Object.keys(swift).length > 0 && { swift: swiftFactsIn(swift) }) },
    quota,
  });
  options.stored?.(stored);
  return {
    status: 201,
    headers: {
      'content-type': 'text/html; charset=UTF-8',
      etag: link?.link.etag ?? stored.etag,
      'last-modified': httpDate(stored.modifiedUs),
      ...(stored.versionId !== 'null' && { 'x-object-version-id': stored.versionId }),
    },
    body: '',
  };
}

interface Storing {
  readonly request: SwiftRequest;
  readonly options: WriteOptions;
  readonly contentType: string;
  readonly expiresAtMs: number | null;
  readonly facts: ObjectFacts;
  readonly quota: (receivedBytes: number) => Guard;
  /** When a peer wrote it; null: it is written here. */
  readonly peerUs: number | null;
}

async function store(
  world: ObjectWorld,
  container: Container,
  { request, options, contentType, expiresAtMs, facts, quota, peerUs }: Storing,
): Promise<StoredObject> {
  const { headers, object, sizeBytes } = request;
  const wantedTag = tagOf(headers['etag']);
  const isNewOnly = headers['if-none-match'] !== undefined;
  let receivedBytes = options.countedBytes ?? 0;
  const guard: Guard = (current, fresh) => {
    if (isNewOnly && current !== null) throw refuse(412);
    // What is newer stays, and the peer has nothing more to do.
    if (peerUs !== null && current !== null && current.modifiedUs >= peerUs) throw refuse(202);
    quota(receivedBytes)(current, fresh);
  };
  const kept = { name: object ?? '', contentType, facts, expiresAtMs, guard };
  const opened = options.copied?.opened;
  if (opened) {
    if (wantedTag !== null && wantedTag !== opened.object.etag) throw refuse(422);
    receivedBytes = options.countedBytes ?? opened.object.sizeBytes;
    return objectCopy(world, container, { ...kept, source: opened });
  }
  if (isNewOnly) await earlyRefuse(world, container, request);
  return objectPut(world, container, {
    ...kept,
    ...(peerUs !== null && { modifiedUs: peerUs }),
    body: options.copied === undefined ? request.body : options.copied.read(null),
    sizeBytes,
    limitBytes: limits.maxFileBytes,
    finish: ({ md5, sizeBytes: gotBytes }) => {
      if (wantedTag !== null && wantedTag !== md5) throw refuse(422);
      receivedBytes = options.countedBytes ?? gotBytes;
      return {};
    },
  });
}

/** The client need not send what will be refused. */
async function earlyRefuse(
  world: ObjectWorld,
  container: Container,
  { object }: SwiftRequest,
): Promise<void> {
  const current = await objectGet(world, container, object ?? '');
  if (current !== null) throw refuse(412);
}

const tagOf = (text: string | undefined): string | null =>
  text === undefined || text === '' ? null : text.replace(/^"(.*)"$/, '$1').toLowerCase();

function requestCheck(request: SwiftRequest, { copied }: WriteOptions): void {
  const { headers, sizeBytes, isChunked } = request;
  const noneMatch = headers['if-none-match'];
  if (noneMatch !== undefined && noneMatch.trim() !== '*') {
    throw refuse(400, 'If-None-Match only supports *');
  }
  if (sizeBytes !== null && sizeBytes > limits.maxFileBytes) {
    throw refuse(413, 'Your request is too large.');
  }
  if (sizeBytes === null && !isChunked && copied === undefined) {
    throw refuse(411, 'Missing Content-Length header.');
  }
  nameCheck(request);
}

function contentTypeFor({ headers, object }: SwiftRequest, fallback: string | null): string {
  const given = headers['content-type'];
  const isGuessed = isTrue(headers['x-detect-content-type']) || given === undefined || given === '';
  return isGuessed ? (fallback ?? contentTypeOf(object ?? '')) : given;
}
