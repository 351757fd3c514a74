import type { ByteRange } from '../object.model.ts';
import { manifestRead, type StoredSegment } from './slo-manifest.ts';
import { swiftFactsOf } from './object-facts.ts';
import { segmentPlace, segmentsRead, type Segment } from './segments.ts';
import type { Source, SourceOpen } from './source.model.ts';

/** A static large object: what its manifest lists, as long as the segments are what they were. */
export function staticSource(
  manifest: Source,
  {
    account,
    depth,
    open,
  }: { readonly account: string; readonly depth: number; readonly open: SourceOpen },
): Source {
  const slo = swiftFactsOf(manifest.object).slo ?? { etag: '', sizeBytes: 0 };
  const name = manifest.object.name;
  return {
    ...manifest,
    opened: null,
    sizeBytes: slo.sizeBytes,
    etag: slo.etag,
    headers: {
      ...manifest.headers,
      etag: `"${slo.etag}"`,
      'x-manifest-etag': manifest.object.etag,
    },
    isComposed: true,
    async *read(range) {
      const stored = await manifestRead(manifest.read(null));
      const segments = stored.map((one) => segmentOf(one, account));
      yield* segmentsRead({ segments, depth, name, open }, range);
    },
  };
}

function segmentOf(stored: StoredSegment, account: string): Segment {
  if ('data' in stored) {
    const data = Buffer.from(stored.data, 'base64');
    return { sizeBytes: data.length, data };
  }
  const range = stored.range === undefined ? undefined : rangeOf(stored.range);
  return {
    place: segmentPlace(stored.name, account),
    etag: stored.hash,
    wholeBytes: stored.bytes,
    sizeBytes: range === undefined ? stored.bytes : range.last - range.first + 1,
    ...(range && { range }),
  };
}

function rangeOf(text: string): ByteRange {
  const [first = 0, last = 0] = text.split('-').map(Number);
  return { first, last };
}
