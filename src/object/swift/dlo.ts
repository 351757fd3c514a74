import { createHash } from 'node:crypto';
import { objectList } from '../object-list.ts';
import type { StoredObject } from '../object.model.ts';
import type { ObjectWorld } from '../object.world.ts';
import { containerNeed } from './access.ts';
import { swiftFactsOf } from './object-facts.ts';
import { segmentPlace, segmentRequest, segmentsRead, type Segment } from './segments.ts';
import type { Source, SourceOpen } from './source.model.ts';
import { httpDate } from './swift.reply.ts';
import type { SwiftRequest } from './swift.request.ts';

interface Within {
  readonly account: string;
  readonly depth: number;
  readonly open: SourceOpen;
}

const pageSize = 10_000;

/** A dynamic large object: whatever is in a container below a prefix at this moment, in the order of names. */
export async function dynamicSource(
  world: ObjectWorld,
  request: SwiftRequest,
  manifest: Source,
  { account, depth, open }: Within,
): Promise<Source> {
  const text = swiftFactsOf(manifest.object).dlo ?? '';
  const { container, object: prefix } = segmentPlace(text, account, true);
  const objects = await segmentObjects(world, request, {
    account,
    container,
    prefix: prefix ?? '',
  });
  const segments = objects.map((object): Segment => {
    const sizeBytes = swiftFactsOf(object).slo?.sizeBytes ?? object.sizeBytes;
    return { sizeBytes, place: { account, container, object: object.name } };
  });
  const sizeBytes = segments.reduce((sum, segment) => sum + segment.sizeBytes, 0);
  const hash = createHash('md5');
  for (const { etag } of objects) hash.update(etag);
  const etag = hash.digest('hex');
  const modifiedUs = Math.max(manifest.modifiedUs, ...objects.map((object) => object.modifiedUs));
  const whole = { segments, depth, name: text, open };
  return {
    ...manifest,
    opened: null,
    sizeBytes,
    etag,
    modifiedUs,
    headers: { ...manifest.headers, etag: `"${etag}"`, 'last-modified': httpDate(modifiedUs) },
    isComposed: true,
    takesOneRange: true,
    read: (range) => segmentsRead(whole, range),
    close: () => {},
  };
}

async function segmentObjects(
  world: ObjectWorld,
  request: SwiftRequest,
  {
    account,
    container: name,
    prefix,
  }: { account: string; container: string | null; prefix: string },
): Promise<StoredObject[]> {
  const { container } = await containerNeed(world, segmentRequest(request), {
    place: { account, container: name, object: null },
    method: 'GET',
    acl: 'swift:read',
  });
  const objects: StoredObject[] = [];
  for (let marker = ''; ;) {
    const page = await objectList(world, container, { prefix, marker, limit: pageSize });
    for (const entry of page.entries) if (entry.kind === 'object') objects.push(entry.object);
    if (!page.isTruncated) return objects;
    marker = objects.at(-1)?.name ?? '';
  }
}
