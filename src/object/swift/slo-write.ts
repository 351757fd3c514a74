import { containerNeed } from './access.ts';
import { createHash } from 'node:crypto';
import type { ObjectWorld } from '../object.world.ts';
import {
  manifestBytes,
  manifestParse,
  segmentRange,
  sloLimits,
  type StoredSegment,
  type WantedSegment,
} from './slo-manifest.ts';
import { bulkBody, bulkType, type Problem } from './bulk-reply.ts';
import { objectWrite } from './object-write.ts';
import { swiftFactsOf } from './object-facts.ts';
import { segmentPlace, segmentRequest } from './segments.ts';
import type { Source } from './source.model.ts';
import { sourceOpen } from './source.ts';
import {
  failureReply,
  listingDate,
  plainText,
  Refusal,
  refuse,
  statusLine,
  type SwiftReply,
} from './swift.reply.ts';
import { pathQuote } from './place.ts';
import { isTrue, type SwiftRequest } from './swift.request.ts';

/** `PUT ?multipart-manifest=put`: every segment must be there and be what the manifest says. */
export async function manifestPut(world: ObjectWorld, request: SwiftRequest): Promise<SwiftReply> {
  const { headers, sizeBytes, isChunked, query } = request;
  if (headers['x-copy-from'] !== undefined) {
    throw refuse(405, 'Multipart Manifest PUTs cannot be COPY requests');
  }
  if (sizeBytes === null && !isChunked) throw refuse(411);
  await containerNeed(world, request, { place: request, method: 'PUT', acl: 'swift:write' });
  const wanted = manifestParse(await manifestBytes(request), ownPath(request));
  if (wanted.filter((segment) => 'path' in segment).length > sloLimits.segments) {
    throw refuse(413, `Number of object-backed segments must be <= ${sloLimits.segments}`);
  }
  if (isTrue(query.get('heartbeat'))) return heartbeatReply(world, request, wanted);
  return (await manifestStore(world, request, wanted)).reply;
}

const ownPath = ({ container, object }: SwiftRequest): string =>
  pathQuote(`${container ?? ''}/${object ?? ''}`);

/** Checking a thousand segments takes time: a client may ask to be kept waiting with blanks. */
function heartbeatReply(
  world: ObjectWorld,
  request: SwiftRequest,
  wanted: readonly WantedSegment[],
): SwiftReply {
  const type = bulkType(request);
  return {
    status: 202,
    headers: { 'content-type': type },
    body: (async function* body() {
      yield Buffer.from(' ');
      const { reply: done, problems } = await manifestStore(world, request, wanted).catch(
        (error: unknown) => {
          const refused = failureReply(error);
          if (refused === null) throw error;
          return { reply: refused, problems: [] };
        },
      );
      const { etag, 'last-modified': modified } = done.headers;
      const facts = {
        'Response Status': statusLine(done.status),
        'Response Body': problems.length > 0 ? plainText({ ...done, body: '' }) : plainText(done),
        ...(etag !== undefined && { Etag: etag }),
        ...(modified !== undefined && { 'Last Modified': modified }),
      };
      yield Buffer.from(`\r\n\r\n${bulkBody(type, facts, problems, 'upload')}`);
    })(),
  };
}

interface Stored {
  readonly reply: SwiftReply;
  readonly problems: readonly Problem[];
}

async function manifestStore(
  world: ObjectWorld,
  request: SwiftRequest,
  wanted: readonly WantedSegment[],
): Promise<Stored> {
  const problems: Problem[] = [];
  const sources = await sourcesOf(world, request, wanted);
  const stored: StoredSegment[] = [];
  const hash = createHash('md5');
  let totalBytes = 0;
  for (const [index, segment] of wanted.entries()) {
    if ('data' in segment) {
      const bytes = Buffer.from(segment.data, 'base64');
      totalBytes += bytes.length;
      hash.update(createHash('md5').update(bytes).digest('hex'));
      stored.push(segment);
      continue;
    }
    const isLast = index === wanted.length - 1;
    const checked = segmentCheck(segment, sources.get(segment.path), isLast, problems);
    if (checked === null) continue;
    totalBytes += checked.addedBytes;
    const { hash: tag, range } = checked.stored;
    hash.update(range === undefined ? tag : `${tag}:${range};`);
    stored.push(checked.stored);
  }
  if (problems.length > 0) {
    const type = bulkType(request);
    const body = bulkBody(type, {}, problems, 'upload');
    return { reply: { status: 400, headers: { 'content-type': type }, body }, problems };
  }
  const etag = hash.digest('hex');
  const sent = (request.headers['etag'] ?? '').replace(/^"|"$/g, '').toLowerCase();
  if (sent !== '' && sent !== etag) throw refuse(422);
  return { reply: await manifestWrite(world, request, { stored, etag, totalBytes }), problems };
}

async function manifestWrite(
  world: ObjectWorld,
  request: SwiftRequest,
  {
    stored,
    etag,
    totalBytes,
  }: { stored: readonly StoredSegment[]; etag: string; totalBytes: number },
): Promise<SwiftReply> {
  const bytes = Buffer.from(JSON.stringify(stored));
  const { etag: _etag, 'content-length': _length, ...headers } = request.headers;
  const done = await objectWrite(
    world,
    { ...request, headers, body: bodyOf(bytes), sizeBytes: bytes.length },
    {
      swift: { slo: { etag, sizeBytes: totalBytes, segments: stored.length } },
      countedBytes: totalBytes,
    },
  );
  return { ...done, headers: { ...done.headers, etag: `"${etag}"` } };
}

// oxlint-disable-next-line typescript/require-await
async function* bodyOf(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}

type PathSegment = Extract<WantedSegment, { path: string }>;

/** What every path leads to, or the status of not finding it. */
async function sourcesOf(
  world: ObjectWorld,
  request: SwiftRequest,
  wanted: readonly WantedSegment[],
): Promise<Map<string, Source | number>> {
  const found = new Map<string, Source | number>();
  const asking = { ...segmentRequest(request), method: 'HEAD' };
  for (const segment of wanted) {
    if ('data' in segment || found.has(segment.path)) continue;
    try {
      const place = segmentPlace(segment.path, request.account);
      const source = await sourceOpen(world, asking, { place });
      source.close();
      found.set(segment.path, source);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      found.set(segment.path, error.reply.status);
    }
  }
  return found;
}

const statusTitles: Readonly<Record<number, string>> = {
  401: '401 Unauthorized',
  403: '403 Forbidden',
  404: '404 Not Found',
  409: '409 Conflict',
};

function segmentCheck(
  { path, etag, sizeBytes, range }: PathSegment,
  source: Source | number | undefined,
  isLast: boolean,
  problems: Problem[],
): {
  readonly stored: Exclude<StoredSegment, { data: string }>;
  readonly addedBytes: number;
} | null {
  const before = problems.length;
  const fail = (why: string): void => void problems.push([pathQuote(path), why]);
  if (source === undefined || typeof source === 'number') {
    fail(statusTitles[source ?? 404] ?? String(source));
    return null;
  }
  const part = segmentRange(range, source.sizeBytes);
  if (part === undefined) fail('Unsatisfiable Range');
  const addedBytes = part ? part.last - part.first + 1 : source.sizeBytes;
  if (addedBytes < sloLimits.minSegmentBytes && !isLast) {
    fail('Too small; each segment must be at least 1 byte.');
  }
  if (sizeBytes !== null && sizeBytes !== source.sizeBytes) fail('Size Mismatch');
  if (etag !== null && etag.replaceAll('"', '') !== source.etag) fail('Etag Mismatch');
  if (problems.length > before) return null;
  return {
    addedBytes,
    stored: {
      name: `/${path.replace(/^\/+/, '')}`,
      bytes: source.sizeBytes,
      hash: source.etag,
      content_type: source.headers['content-type'] ?? '',
      last_modified: listingDate(Math.ceil(source.modifiedUs / 1_000_000) * 1_000_000),
      ...(part && { range: `${part.first}-${part.last}` }),
      ...(swiftFactsOf(source.object).slo && { sub_slo: true as const }),
    },
  };
}
