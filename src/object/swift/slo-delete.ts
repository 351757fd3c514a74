import type { ObjectWorld } from '../object.world.ts';
import { bulkDelete, type Remove } from './bulk-delete.ts';
import { containerNeed } from './access.ts';
import { manifestRead } from './slo-manifest.ts';
import { swiftFactsOf } from './object-facts.ts';
import { segmentPlace, segmentRequest } from './segments.ts';
import type { Source } from './source.model.ts';
import { sourceOpen } from './source.ts';
import { Refusal, refuse, type SwiftReply } from './swift.reply.ts';
import { pathQuote, type Place } from './place.ts';
import { isTrue, type SwiftRequest } from './swift.request.ts';

const nestedMax = 10;

/** `DELETE ?multipart-manifest=delete`: the segments first, the manifest last. */
export async function manifestDelete(
  world: ObjectWorld,
  request: SwiftRequest,
  remove: Remove,
): Promise<SwiftReply> {
  await containerNeed(world, request, { place: request, method: 'DELETE', acl: 'swift:write' });
  const names = await segmentNames(world, request, request, 0);
  const { container, object, query } = request;
  const versionId = query.get('version-id');
  const own = new Map(versionId === undefined ? [] : [['version-id', versionId]]);
  const isAsync = isTrue(query.get('async'));
  const done = await bulkDelete({ ...request, query: new Map() }, names, (one) => {
    const isOwn = one.container === container && one.object === object;
    return remove(isOwn ? { ...one, query: own } : one);
  });
  // Nothing is left for later: the promise to delete in the background is kept at once.
  return isAsync && done.status === 200 ? { status: 204, headers: {} } : done;
}

/** Quoted paths, the manifest's own behind those it lists. */
async function segmentNames(
  world: ObjectWorld,
  request: SwiftRequest,
  place: Place,
  depth: number,
): Promise<string[]> {
  const own = pathQuote(`/${place.container ?? ''}/${place.object ?? ''}`);
  if (depth > nestedMax) throw refuse(400, 'Too many nested manifests');
  const manifest = await manifestOpen(world, request, place, depth === 0);
  if (manifest === null) return [own];
  try {
    if (swiftFactsOf(manifest.object).slo === undefined) {
      if (depth === 0) throw refuse(400, 'Not an SLO manifest');
      return [own];
    }
    const names: string[] = [];
    for (const segment of await manifestRead(manifest.read(null))) {
      if ('data' in segment) continue;
      const inner = segmentPlace(segment.name, place.account);
      if (segment.sub_slo === true)
        names.push(...(await segmentNames(world, request, inner, depth + 1)));
      else names.push(pathQuote(segment.name));
    }
    return [...names, own];
  } finally {
    manifest.close();
  }
}

async function manifestOpen(
  world: ObjectWorld,
  request: SwiftRequest,
  place: Place,
  isFirst: boolean,
): Promise<Source | null> {
  const versionId = isFirst ? (request.query.get('version-id') ?? null) : null;
  const wish = { place, versionId, isManifestMeant: true };
  try {
    return await sourceOpen(world, segmentRequest(request), wish);
  } catch (error) {
    if (error instanceof Refusal && error.reply.status === 404 && !isFirst) return null;
    throw error;
  }
}
