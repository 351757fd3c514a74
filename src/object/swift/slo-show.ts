import { manifestRaw, manifestRead } from './slo-manifest.ts';
import { swiftFactsOf } from './object-facts.ts';
import { sourceReply } from './range.ts';
import type { Source } from './source.model.ts';
import { createHash } from 'node:crypto';
import type { SwiftReply } from './swift.reply.ts';
import type { SwiftRequest } from './swift.request.ts';

/** `?multipart-manifest=get`: the list of segments itself. Null: the object is no manifest. */
export async function manifestShow(
  request: SwiftRequest,
  source: Source,
): Promise<SwiftReply | null> {
  if (swiftFactsOf(source.object).slo === undefined) return null;
  if (request.query.get('format') !== 'raw') {
    const headers = { ...source.headers, 'content-type': 'application/json; charset=utf-8' };
    return sourceReply(request, { ...source, headers });
  }
  const raw = Buffer.from(JSON.stringify(manifestRaw(await manifestRead(source.read(null)))));
  const etag = createHash('md5').update(raw).digest('hex');
  return sourceReply(request, {
    ...source,
    etag,
    headers: { ...source.headers, etag },
    sizeBytes: raw.length,
    // oxlint-disable-next-line typescript/require-await
    async *read(range) {
      yield range === null ? raw : raw.subarray(range.first, range.last + 1);
    },
  });
}
