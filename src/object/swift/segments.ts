import type { ByteRange } from '../object.model.ts';
import type { Source, SourceOpen } from './source.model.ts';
import { Refusal, refuse } from './swift.reply.ts';
import { percentDecodeLax, type Place } from './place.ts';
import { noBody, type SwiftRequest } from './swift.request.ts';

/** One stretch of a large object. */
export interface Segment {
  /** What it adds to the whole. */
  readonly sizeBytes: number;
  /** Bytes that stand in the manifest itself. */
  readonly data?: Uint8Array;
  readonly place?: Place;
  /** Which bytes of the object at `place`; absent: all. */
  readonly range?: ByteRange;
  /** What the object must still be; absent: whatever it is. */
  readonly etag?: string;
  readonly wholeBytes?: number;
}

export const depthMax = 10;

export interface Whole {
  readonly segments: readonly Segment[];
  readonly depth: number;
  readonly open: SourceOpen;
  /** For messages: the path of the manifest. */
  readonly name: string;
}

/** The bytes of the segments one after the other, each opened when its turn comes. */
export async function* segmentsRead(
  whole: Whole,
  range: ByteRange | null,
): AsyncIterable<Uint8Array> {
  const { first, last } = range ?? { first: 0, last: Infinity };
  let offset = 0;
  for (const segment of whole.segments) {
    const start = offset;
    offset += segment.sizeBytes;
    if (segment.sizeBytes === 0 || offset <= first) continue;
    if (start > last) return;
    const part: ByteRange = {
      first: Math.max(first - start, 0),
      last: Math.min(last - start, segment.sizeBytes - 1),
    };
    if (segment.data === undefined) yield* segmentRead(whole, { segment, part });
    else yield segment.data.subarray(part.first, part.last + 1);
  }
}

async function* segmentRead(
  { depth, name, open }: Whole,
  { segment, part }: { readonly segment: Segment; readonly part: ByteRange },
): AsyncIterable<Uint8Array> {
  const { place, range, etag, wholeBytes } = segment;
  if (place === undefined) throw new Error('a segment is neither data nor an object');
  if (depth >= depthMax) throw broken(`the manifests within ${name} are nested too deep`);
  const source = await segmentOpen(open, { place, depth: depth + 1 });
  try {
    const isOther = etag !== undefined && source.etag !== etag && source.object.etag !== etag;
    if (isOther || (wholeBytes !== undefined && source.sizeBytes !== wholeBytes)) {
      throw broken(`${place.container}/${place.object} is not what ${name} says`);
    }
    const from = range?.first ?? 0;
    yield* source.read({ first: from + part.first, last: from + part.last });
  } finally {
    source.close();
  }
}

/** What is wrong is for the log: the reader may not be allowed to know of the segments. */
const broken = (why: string): Error => refuse(409, null, {}, new Error(why));

/** A segment that is gone makes its whole unreadable, which is a conflict and not a missing object. */
async function segmentOpen(
  open: SourceOpen,
  wish: { readonly place: Place; readonly depth: number },
): Promise<Source> {
  try {
    return await open(wish);
  } catch (error) {
    if (!(error instanceof Refusal) || error.reply.status === 409) throw error;
    const { container, object } = wish.place;
    throw broken(`${container}/${object} of a large object answers ${error.reply.status}`);
  }
}

/** The same person reading something else. */
export const segmentRequest = (request: SwiftRequest): SwiftRequest => ({
  ...request,
  method: 'GET',
  query: new Map(),
  body: noBody(),
  sizeBytes: 0,
});

/** `/container/object` of a manifest. */
export function segmentPlace(path: string, account: string, isQuoted = false): Place {
  const text = isQuoted ? (percentDecodeLax(path) ?? path) : path;
  const [container = '', ...rest] = text.replace(/^\/+/, '').split('/');
  return { account, container, object: rest.join('/') };
}
