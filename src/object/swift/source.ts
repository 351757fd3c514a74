import { ownKeyOf } from '../data-key.ts';
import { objectOpen, markerGet, type OpenObject } from '../object-get.ts';
import type { Container } from '../container.model.ts';
import type { ObjectWorld } from '../object.world.ts';
import { containerNeed, deny } from './access.ts';
import { dynamicSource } from './dlo.ts';
import { staticSource } from './slo-read.ts';
import { segmentRequest } from './segments.ts';
import type { Source, SourceWish } from './source.model.ts';
import { headersOfLink, headersOfObject, swiftFactsOf } from './object-facts.ts';
import { Refusal, refuse } from './swift.reply.ts';
import { pathOf, percentDecodeLax, type Place } from './place.ts';
import type { SwiftRequest } from './swift.request.ts';

export const linksMax = 2;

/** Opens what a GET of the place gives, as far as the request's authority reaches. */
export async function sourceOpen(
  world: ObjectWorld,
  request: SwiftRequest,
  wish: SourceWish,
): Promise<Source> {
  const { place, versionId = null, isLinkMeant = false } = wish;
  let found = await objectFind(world, request, place, versionId);
  let trail: { readonly place: Place; readonly etag: string | null } | null = null;
  for (let hops = 0; ; hops++) {
    const { link } = swiftFactsOf(found.opened.object);
    const shown = link?.etag ?? found.opened.object.etag;
    if (trail?.etag !== null && trail?.etag !== undefined && trail.etag !== shown) {
      found.opened[Symbol.dispose]();
      throw tagMismatch(trail.place, shown, trail.etag);
    }
    if (link === undefined || isLinkMeant) break;
    found.opened[Symbol.dispose]();
    if (hops >= linksMax) {
      throw refuse(409, `Too many levels of symbolic links, maximum allowed is ${linksMax}`);
    }
    trail = {
      place: linkPlace(link.target, link.account ?? place.account),
      etag: link.etag ?? null,
    };
    found = await targetFind(world, request, trail.place);
  }
  const source = await sourceOf(world, request, found, wish);
  const location =
    trail === null ? {} : { 'content-location': pathOf(trail.place, request.version) };
  return { ...source, headers: { ...source.headers, ...location } };
}

/** Whoever meets a broken link is told where it points. */
async function targetFind(world: ObjectWorld, request: SwiftRequest, place: Place): Promise<Found> {
  try {
    return await objectFind(world, request, place, null);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const { reply } = error;
    const location = { 'content-location': pathOf(place, request.version) };
    throw new Refusal({ ...reply, headers: { ...reply.headers, ...location } }, error);
  }
}

function tagMismatch(place: Place, found: string, wanted: string): Refusal {
  const text = `Object Etag '${found}' does not match X-Symlink-Target-Etag header '${wanted}'`;
  return refuse(409, text, { 'content-location': pathOf(place) });
}

/** Where a link points. */
export function linkPlace(target: string, account: string): Place {
  const decoded = percentDecodeLax(target) ?? target;
  const [container = '', ...rest] = decoded.split('/');
  return { account: percentDecodeLax(account) ?? account, container, object: rest.join('/') };
}

interface Found {
  readonly container: Container;
  readonly opened: OpenObject;
  readonly versionId: string | null;
}

async function objectFind(
  world: ObjectWorld,
  request: SwiftRequest,
  place: Place,
  versionId: string | null,
): Promise<Found> {
  const { container, grant } = await containerNeed(world, request, {
    place,
    method: request.method === 'HEAD' ? 'HEAD' : 'GET',
    acl: 'swift:read',
  });
  const name = place.object ?? '';
  if (versionId !== null) versionCheck(container, versionId);
  // A container's ACL opens what is there, not what was.
  if (versionId !== null && versionId !== 'null' && grant !== 'owner')
    throw deny(request, place.account);
  const opened = await objectOpen(world, container, name, versionId);
  if (opened !== null && !opened.object.isMarker) return { container, opened, versionId };
  opened?.[Symbol.dispose]();
  if (opened !== null) {
    throw refuse(404, null, {
      'x-object-version-id': opened.object.versionId,
      'content-type': deleteMarkerType,
    });
  }
  const marker = container.versioning === 'off' ? null : await markerGet(world, container, name);
  throw refuse(404, null, marker === null ? {} : { 'x-object-version-id': 'null' });
}

export const deleteMarkerType = 'application/x-deleted;swift_versions_deleted=1';

/** Asking for versions is only meant where they are kept. */
export function versionCheck({ versioning }: Container, versionId: string): void {
  if (versionId === 'null') return;
  if (versioning === 'off') {
    throw refuse(400, 'version-aware operations require that the container is versioned');
  }
  if (!/^\d+(\.\d+)?(_[0-9a-f]+)?$/.test(versionId)) throw refuse(400, 'Invalid version parameter');
}

async function sourceOf(
  world: ObjectWorld,
  request: SwiftRequest,
  { container, opened, versionId }: Found,
  wish: SourceWish,
): Promise<Source> {
  const { object } = opened;
  const { account } = container;
  const facts = swiftFactsOf(object);
  const version =
    container.versioning === 'off' && versionId === null
      ? {}
      : {
          'x-object-version-id': object.versionId,
          ...(object.versionId !== 'null' && {
            'content-location': `${pathOf({ account, container: container.name, object: object.name }, request.version)}?version-id=${object.versionId}`,
          }),
        };
  // A head tells of everything.
  const key = request.method === 'HEAD' ? null : ownKeyOf(world, object);
  const link = wish.isLinkMeant === true && facts.link ? headersOfLink(facts.link) : {};
  const plain: Source = {
    object,
    // A copy of encrypted bytes is written anew, in the clear.
    opened: object.facts.encryption === undefined ? opened : null,
    sizeBytes: object.sizeBytes,
    etag: object.etag,
    otherEtags: facts.link?.etag === undefined ? [] : [facts.link.etag],
    modifiedUs: object.modifiedUs,
    headers: { ...headersOfObject(object), ...version, ...link },
    isComposed: false,
    takesOneRange: false,
    read: (range) => opened.read(range, key),
    close: () => opened[Symbol.dispose](),
  };
  if (wish.isManifestMeant === true || facts.link !== undefined) return plain;
  const { depth = 0 } = wish;
  const open = (inner: SourceWish): Promise<Source> =>
    sourceOpen(world, segmentRequest(request), inner);
  if (facts.slo !== undefined) {
    return staticSource(plain, { account, depth, open });
  }
  if (facts.dlo === undefined) return plain;
  opened[Symbol.dispose]();
  return dynamicSource(world, request, plain, { account, depth, open });
}
