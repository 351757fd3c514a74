import { wholeMemory } from '../http/body-read.ts';
import type { ByteRange } from '../object.model.ts';
import { rangesParse } from './range.ts';
import { refuse } from './swift.reply.ts';
import { pathQuote } from './place.ts';
import type { SwiftRequest } from './swift.request.ts';

export const sloLimits = { segments: 1000, manifestBytes: 8 << 20, minSegmentBytes: 1 } as const;

/** One entry of a manifest as a client puts it. */
export type WantedSegment =
  | { readonly data: string }
  | {
      readonly path: string;
      readonly etag: string | null;
      readonly sizeBytes: number | null;
      /** `0-9`, `10-`, `-5`. */
      readonly range: string | null;
    };

/** One entry as it is kept, and shown for `multipart-manifest=get`. */
export type StoredSegment =
  | { readonly data: string }
  | {
      readonly name: string;
      readonly bytes: number;
      readonly hash: string;
      readonly content_type: string;
      readonly last_modified: string;
      readonly range?: string;
      readonly sub_slo?: true;
    };

type Json = Readonly<Record<string, unknown>>;

/** The body, as far as a manifest may go. */
export async function manifestBytes({ body, sizeBytes }: SwiftRequest): Promise<Buffer> {
  const tooLarge = refuse(413, `Manifest File > ${sloLimits.manifestBytes} bytes`);
  if ((sizeBytes ?? 0) > sloLimits.manifestBytes) throw tooLarge;
  using share = wholeMemory.share();
  const chunks: Uint8Array[] = [];
  let read = 0;
  for await (const chunk of body) {
    read += chunk.length;
    if (read > sloLimits.manifestBytes) throw tooLarge;
    if (!share.take(chunk.length)) throw refuse(503);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Throws 400 with one line per entry that is wrong. */
export function manifestParse(bytes: Uint8Array, ownPath: string): WantedSegment[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw refuse(400, 'Manifest must be valid JSON.\n', {}, cause);
  }
  if (!Array.isArray(parsed)) throw refuse(400, 'Manifest must be a list.\n');
  const faults: string[] = [];
  const segments: WantedSegment[] = [];
  for (const [index, entry] of (parsed as readonly unknown[]).entries()) {
    const isLast = index === parsed.length - 1;
    const read = entryParse(entry, ownPath, isLast);
    if (typeof read === 'string') faults.push(`Index ${index}: ${read}`);
    else segments.push(read);
  }
  if (faults.length === 0 && !segments.some((segment) => 'path' in segment)) {
    faults.push('Inline data segments require at least one object-backed segment.');
  }
  if (faults.length > 0) throw refuse(400, faults.join('\n'));
  return segments;
}

const keysOf = {
  path: ['path', 'etag', 'size_bytes', 'range'],
  data: ['data'],
} as const;

function entryParse(entry: unknown, ownPath: string, isLast: boolean): WantedSegment | string {
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry))
    return 'not a JSON object';
  const kind = 'path' in entry ? 'path' : 'data' in entry ? 'data' : null;
  if (kind === null) return "expected keys to include one of 'path' or 'data'";
  const extraneous = Object.keys(entry).filter(
    (key) => !(keysOf[kind] as readonly string[]).includes(key),
  );
  if (extraneous.length > 0) {
    return `extraneous keys ${extraneous
      .toSorted()
      .map((key) => JSON.stringify(key))
      .join(', ')}`;
  }
  return kind === 'path' ? pathEntry(entry as Json, ownPath, isLast) : dataEntry(entry as Json);
}

function pathEntry(entry: Json, ownPath: string, isLast: boolean): WantedSegment | string {
  const { path, etag = null, size_bytes: size = null, range = null } = entry;
  if (typeof path !== 'string' || !path.isWellFormed()) return '"path" must be a string';
  if (etag !== null && typeof etag !== 'string')
    return '"etag" must be a string or null (if provided)';
  if (!path.replace(/^\/+|\/+$/g, '').includes('/')) {
    return 'path does not refer to an object. Path must be of the form /container/object.';
  }
  const sizeBytes = size === null ? null : wholeNumber(size);
  if (sizeBytes !== null && Number.isNaN(sizeBytes)) return 'invalid size_bytes';
  if (sizeBytes !== null && sizeBytes < 1 && !isLast) {
    return 'too small; each segment must be at least 1 byte.';
  }
  if (pathQuote(path.replace(/^\/+/, '')) === ownPath)
    return 'manifest must not include itself as a segment';
  if (range === null || range === '') return { path, etag, sizeBytes, range: null };
  if (typeof range !== 'string') return 'invalid range';
  const fault = rangeFault(range, sizeBytes);
  return fault ?? { path, etag, sizeBytes, range };
}

function rangeFault(range: string, sizeBytes: number | null): string | null {
  const ranges = rangesParse(`bytes=${range}`, sizeBytes ?? Number.MAX_SAFE_INTEGER);
  if (ranges === null) return 'invalid range';
  if (range.includes(',')) return 'multiple ranges (only one allowed)';
  return sizeBytes !== null && ranges.length !== 1 ? 'unsatisfiable range' : null;
}

function wholeNumber(value: unknown): number {
  if (typeof value === 'number') return Math.trunc(value);
  return typeof value === 'string' && /^\s*[+-]?\d+\s*$/.test(value) ? Number(value) : Number.NaN;
}

function dataEntry({ data }: Json): WantedSegment | string {
  const text = typeof data === 'string' ? data.replaceAll(/\s/g, '') : '!';
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0)
    return 'data must be valid base64';
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length === 0) return 'too small; each segment must be at least 1 byte.';
  return { data: bytes.toString('base64') };
}

/** The range of a segment within an object of this size; null: all of it, undefined: none. */
export function segmentRange(
  range: string | null,
  sizeBytes: number,
): ByteRange | null | undefined {
  if (range === null) return null;
  const [only] = rangesParse(`bytes=${range}`, sizeBytes) ?? [];
  if (only === undefined) return undefined;
  return only.first === 0 && only.last === sizeBytes - 1 ? null : only;
}

export async function manifestRead(chunks: AsyncIterable<Uint8Array>): Promise<StoredSegment[]> {
  const bytes = Buffer.concat(await Array.fromAsync(chunks));
  return JSON.parse(bytes.toString()) as StoredSegment[];
}

/** As a client would have put it (`format=raw`). */
export const manifestRaw = (stored: readonly StoredSegment[]): unknown[] =>
  stored.map((segment) =>
    'data' in segment
      ? { data: segment.data }
      : {
          path: segment.name,
          etag: segment.hash,
          size_bytes: segment.bytes,
          ...(segment.range !== undefined && { range: segment.range }),
        },
  );
