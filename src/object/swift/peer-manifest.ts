import { createHash } from 'node:crypto';
import type { SwiftFacts } from './object-facts.ts';
import { manifestBytes, type StoredSegment } from './slo-manifest.ts';
import { refuse } from './swift.reply.ts';
import { isTrue, type SwiftRequest } from './swift.request.ts';

export interface PeerManifest {
  readonly bytes: Uint8Array;
  readonly slo: NonNullable<SwiftFacts['slo']>;
}

/**
 * A static large object as a peer sends it: its manifest as that is kept, perhaps before its segments. Null: it is none.
 * Whoever reads it is told if a segment is not what the manifest says.
 */
export async function peerManifest(request: SwiftRequest): Promise<PeerManifest | null> {
  if (!isTrue(request.headers['x-static-large-object'])) return null;
  const bytes = await manifestBytes(request);
  const hash = createHash('md5');
  let sizeBytes = 0;
  const segments = segmentsOf(bytes);
  for (const segment of segments) {
    if ('data' in segment) {
      const data = Buffer.from(segment.data, 'base64');
      sizeBytes += data.length;
      hash.update(createHash('md5').update(data).digest('hex'));
      continue;
    }
    const { range, hash: tag, bytes: wholeBytes } = segment;
    const [first = 0, last = wholeBytes - 1] = range?.split('-').map(Number) ?? [];
    sizeBytes += last - first + 1;
    hash.update(range === undefined ? tag : `${tag}:${range};`);
  }
  return { bytes, slo: { etag: hash.digest('hex'), sizeBytes, segments: segments.length } };
}

function segmentsOf(bytes: Buffer): readonly StoredSegment[] {
  try {
    const parsed = JSON.parse(bytes.toString()) as unknown;
    if (Array.isArray(parsed) && parsed.every(isSegment)) return parsed as StoredSegment[];
  } catch (cause) {
    throw refuse(400, 'Manifest must be valid JSON.\n', {}, cause);
  }
  throw refuse(400, 'Manifest must be a list of segments.\n');
}

function isSegment(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { data, name, bytes, hash, range } = value as Record<string, unknown>;
  if (data !== undefined) return typeof data === 'string';
  const isRange =
    range === undefined || (typeof range === 'string' && /^\d{1,15}-\d{1,15}$/.test(range));
  return (
    typeof name === 'string' && Number.isSafeInteger(bytes) && typeof hash === 'string' && isRange
  );
}
