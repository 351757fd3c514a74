import type { ByteRange } from '../object.model.ts';
import type { Source, Validators } from './source.model.ts';
import { reply, type SwiftReply } from './swift.reply.ts';
import type { Headers } from './place.ts';
import type { SwiftRequest } from './swift.request.ts';

/** As many ranges as Swift answers in one go; more, or very many small or overlapping ones, are refused. */
const rangesMax = 50;
const overlappingMax = 2;
const nonAscendingMax = 8;

/** Null: no range that a server has to heed. Empty: none of them can be satisfied. */
export function rangesParse(text: string | undefined, sizeBytes: number): ByteRange[] | null {
  const match = /^\s*bytes\s*=(.*)$/i.exec(text ?? '');
  if (match === null) return null;
  const ranges: ByteRange[] = [];
  for (const part of (match[1] ?? '').split(',')) {
    const one = /^\s*(\d*)\s*-\s*(\d*)\s*$/.exec(part);
    if (one === null) return null;
    const [, low = '', high = ''] = one;
    if (low === '' && high === '') return null;
    if (low !== '' && high !== '' && Number(low) > Number(high)) return null;
    const first = low === '' ? Math.max(sizeBytes - Number(high), 0) : Number(low);
    const last = low === '' || high === '' ? sizeBytes - 1 : Math.min(Number(high), sizeBytes - 1);
    // `-0` asks for nothing.
    if (first <= last && !(low === '' && Number(high) === 0)) ranges.push({ first, last });
  }
  return isAbusive(ranges) ? [] : ranges;
}

function isAbusive(ranges: readonly ByteRange[]): boolean {
  if (ranges.length > rangesMax) return true;
  let [overlapping, nonAscending] = [0, 0];
  for (const [index, one] of ranges.entries()) {
    if (one.first < (ranges[index - 1]?.first ?? 0)) nonAscending++;
    for (const other of ranges.slice(index + 1)) {
      if (one.first <= other.last && other.first <= one.last) overlapping++;
    }
  }
  return overlapping > overlappingMax || nonAscending > nonAscendingMax;
}

/** `"abc"`, `abc` and `W/"abc"` are all the same tag here. */
const tagsOf = (text: string): string[] =>
  text.split(',').map((tag) => tag.trim().replace(/^W\//, '').replaceAll('"', ''));

/** Which of 304 and 412 the conditions come to; null: go on. As Swift, both of `If-Match` and `If-Unmodified-Since` must hold. */
export function conditionStatus(
  headers: Headers,
  found: Validators,
  method: string,
): 304 | 412 | null {
  const tags = [found.etag, ...(found.otherEtags ?? [])];
  const fits = (text: string): boolean =>
    tagsOf(text).some((tag) => tag === '*' || tags.includes(tag));
  const seconds = Math.ceil(found.modifiedUs / 1_000_000);
  const isReading = method === 'GET' || method === 'HEAD';
  const match = headers['if-match'];
  if (match !== undefined && !fits(match)) return 412;
  const unmodified = dateOf(headers['if-unmodified-since']);
  if (unmodified !== null && seconds > unmodified) return 412;
  const noneMatch = headers['if-none-match'];
  if (noneMatch !== undefined && fits(noneMatch)) return isReading ? 304 : 412;
  const modified = dateOf(headers['if-modified-since']);
  if (noneMatch === undefined && isReading && modified !== null && seconds <= modified) return 304;
  return null;
}

function dateOf(text: string | undefined): number | null {
  const ms = text === undefined ? Number.NaN : Date.parse(text);
  return Number.isNaN(ms) ? null : ms / 1000;
}

/** GET and HEAD of anything with bytes: conditions first, then ranges. Takes the source over. */
export async function sourceReply(request: SwiftRequest, source: Source): Promise<SwiftReply> {
  const { method, headers } = request;
  const close = (): void => source.close();
  const status = conditionStatus(headers, source, method);
  if (status !== null) {
    close();
    const {
      etag,
      'last-modified': modified,
      'content-location': location,
      ...rest
    } = source.headers;
    const shown = {
      ...(status === 412 ? {} : rest),
      ...(etag && { etag }),
      ...(modified && { 'last-modified': modified }),
      ...(location && { 'content-location': location }),
    };
    return status === 304 ? { status, headers: shown } : reply(412, null, shown);
  }
  if (method === 'HEAD') {
    close();
    return { status: 200, headers: source.headers, sizeBytes: source.sizeBytes };
  }
  const asked = isRangeMeant(headers, source)
    ? rangesParse(headers['range'], source.sizeBytes)
    : null;
  const ranges = source.takesOneRange && (asked?.length ?? 0) > 1 ? null : asked;
  if (
    ranges === null ||
    (source.sizeBytes === 0 && ranges.length === 0 && isSuffix(headers['range']))
  ) {
    return {
      status: 200,
      headers: source.headers,
      body: await bodyOf(source, null),
      sizeBytes: source.sizeBytes,
      close,
    };
  }
  const [only] = ranges;
  if (only === undefined) {
    close();
    const { 'content-type': _type, ...rest } = source.headers;
    return reply(416, null, { ...rest, 'content-range': `bytes */${source.sizeBytes}` });
  }
  if (ranges.length > 1) return partsReply(source, ranges, request.transId);
  return {
    status: 206,
    headers: {
      ...source.headers,
      'content-range': `bytes ${only.first}-${only.last}/${source.sizeBytes}`,
    },
    body: await bodyOf(source, only),
    sizeBytes: only.last - only.first + 1,
    close,
  };
}

/** The first segment must be readable before anything is promised; a later one that is not breaks the connection. */
async function bodyOf(source: Source, range: ByteRange | null): Promise<AsyncIterable<Uint8Array>> {
  const chunks = source.read(range);
  if (!source.isComposed) return chunks;
  const iterator = chunks[Symbol.asyncIterator]();
  try {
    const first = await iterator.next();
    return primed(first, iterator);
  } catch (error) {
    source.close();
    throw error;
  }
}

async function* primed(
  first: IteratorResult<Uint8Array>,
  iterator: AsyncIterator<Uint8Array>,
): AsyncIterable<Uint8Array> {
  try {
    for (let step = first; step.done !== true; step = await iterator.next()) yield step.value;
  } finally {
    await iterator.return?.();
  }
}

const isSuffix = (text: string | undefined): boolean => /^\s*bytes\s*=\s*-[1-9]/i.test(text ?? '');

/** RFC 9110, section 13.1.5: a range of something that changed since is the whole of it. */
function isRangeMeant(headers: Headers, { etag, modifiedUs }: Source): boolean {
  const text = headers['if-range'];
  if (text === undefined) return true;
  const date = dateOf(text);
  if (date !== null && /\bGMT\b/.test(text)) return Math.ceil(modifiedUs / 1_000_000) <= date;
  return tagsOf(text).includes(etag);
}

function partsReply(source: Source, ranges: readonly ByteRange[], transId: string): SwiftReply {
  const boundary = `${transId}part`.slice(-32);
  const heads = ranges.map(
    ({ first, last }) =>
      `--${boundary}\r\nContent-Type: ${source.headers['content-type'] ?? ''}\r\nContent-Range: bytes ${first}-${last}/${source.sizeBytes}\r\n\r\n`,
  );
  const end = `--${boundary}--`;
  const sizeBytes = ranges.reduce(
    (sum, { first, last }, index) =>
      sum + Buffer.byteLength(heads[index] ?? '') + last - first + 1 + 2,
    end.length,
  );
  return {
    status: 206,
    headers: { ...source.headers, 'content-type': `multipart/byteranges;boundary=${boundary}` },
    body: partsBody(source, ranges, heads, end),
    sizeBytes,
    close: () => source.close(),
  };
}

async function* partsBody(
  source: Source,
  ranges: readonly ByteRange[],
  heads: readonly string[],
  end: string,
): AsyncIterable<Uint8Array> {
  for (const [index, range] of ranges.entries()) {
    yield Buffer.from(heads[index] ?? '');
    yield* source.read(range);
    yield Buffer.from('\r\n');
  }
  yield Buffer.from(end);
}
