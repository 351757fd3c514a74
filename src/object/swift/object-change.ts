import type { Container } from '../container.model.ts';
import { objectDelete } from '../object-delete.ts';
import { objectGet } from '../object-get.ts';
import { objectUpdate } from '../object-update.ts';
import type { ObjectWorld } from '../object.world.ts';
import { versionPromote } from '../version.ts';
import { containerNeed } from './access.ts';
import { archiveDelete } from './archive.ts';
import { expiryOf, nameCheck } from './limits.ts';
import { factsOfHeaders, swiftFactsIn, swiftFactsOf } from './object-facts.ts';
import { sourceOpen, versionCheck } from './source.ts';
import { manifestDelete } from './slo-delete.ts';
import { linkPosted } from './symlink.ts';
import { syncTime } from './sync.ts';
import { httpDate, refuse, reply, type SwiftReply } from './swift.reply.ts';
import type { SwiftRequest } from './swift.request.ts';

const needWrite = (world: ObjectWorld, request: SwiftRequest): Promise<{ container: Container }> =>
  containerNeed(world, request, { place: request, method: request.method, acl: 'swift:write' });

/** POST replaces all metadata of an object. */
export async function objectPost(world: ObjectWorld, request: SwiftRequest): Promise<SwiftReply> {
  const { headers, query, object, account, version } = request;
  if (headers['x-symlink-target'] !== undefined) {
    throw refuse(400, 'A PUT request is required to set a symlink target');
  }
  nameCheck(request);
  const { container } = await needWrite(world, request);
  if (query.has('version-id')) throw refuse(400, 'POST to a specific version is not allowed');
  const expiresAtMs = expiryOf(headers, world.clock.now()) ?? null;
  const posted = factsOfHeaders(headers);
  const dlo = headers['x-object-manifest'];
  const contentType = headers['content-type'];
  const stored = await objectUpdate(world, container, {
    name: object ?? '',
    change: (old) => {
      const { slo, link } = swiftFactsOf(old);
      const { dlo: newDlo } = posted.swift ?? {};
      const swift = {
        ...(slo && { slo }),
        ...(link && { link }),
        ...(typeof newDlo === 'string' && dlo !== undefined && { dlo: newDlo }),
      };
      const { swift: _posted, ...shown } = posted;
      return {
        facts: { ...old.facts, ...shown, swift: swiftFactsIn(swift) },
        ...(contentType !== undefined && contentType !== '' && { contentType }),
        expiresAtMs,
        touches: true,
      };
    },
  });
  const { link } = swiftFactsOf(stored);
  if (link !== undefined) throw linkPosted(link, account, version);
  return reply(202, null, {
    'x-last-modified': httpDate(stored.modifiedUs),
    ...(container.versioning !== 'off' && { 'x-object-version-id': stored.versionId }),
  });
}

export async function objectRemove(world: ObjectWorld, request: SwiftRequest): Promise<SwiftReply> {
  const { query, object } = request;
  nameCheck(request);
  if (query.get('multipart-manifest') === 'delete') {
    return manifestDelete(world, request, (one) => objectRemove(world, one));
  }
  const expected = expiryExpected(request);
  const { container } = await needWrite(world, request);
  const versionId = query.get('version-id');
  const isVersionMeant =
    versionId !== undefined && !(versionId === 'null' && container.versioning === 'off');
  if (isVersionMeant) return versionRemove(world, container, object ?? '', versionId);
  if (await archiveDelete(world, request, container)) return reply(204);
  const peerUs = syncTime(world, request, container);
  const { object: gone, marker } = await objectDelete(world, container, {
    name: object ?? '',
    promotes: false,
    marks: container.versioning === 'enabled',
    guard: (current) => {
      if (expected !== null && current !== null && current.expiresAtMs !== expected)
        throw refuse(412);
      if (peerUs !== null && current !== null && current.modifiedUs > peerUs) throw refuse(409);
    },
  });
  const headers = marker === null ? {} : { 'x-object-version-id': marker.versionId };
  return reply(gone === null ? 404 : 204, null, headers);
}

/** `X-If-Delete-At`: only what is still to expire then may go. */
function expiryExpected({ headers }: SwiftRequest): number | null {
  const text = headers['x-if-delete-at'];
  if (text === undefined) return null;
  if (!/^\d+$/.test(text)) throw refuse(400, 'Bad X-If-Delete-At header value');
  return Number(text) * 1000;
}

/** `null` is whatever stands for the name: without it numbered versions remain. */
async function versionRemove(
  world: ObjectWorld,
  container: Container,
  name: string,
  versionId: string,
): Promise<SwiftReply> {
  versionCheck(container, versionId);
  const { object } = await objectDelete(world, container, {
    name,
    promotes: false,
    ...(versionId === 'null' ? { marks: false } : { versionId }),
  });
  const current = await objectGet(world, container, name);
  return reply(object === null ? 404 : 204, null, {
    'x-object-version-id': versionId,
    'x-object-current-version-id': current?.versionId ?? 'null',
  });
}

/** `PUT ?version-id=`: an older version becomes the newest again. */
export async function versionRestore(
  world: ObjectWorld,
  request: SwiftRequest,
  versionId: string,
): Promise<SwiftReply> {
  const { object, sizeBytes, isChunked } = request;
  const { container } = await needWrite(world, request);
  versionCheck(container, versionId);
  if (sizeBytes !== 0 && (isChunked || sizeBytes !== null)) {
    throw refuse(400, 'PUT version-id requests require a zero byte body');
  }
  const name = object ?? '';
  const old = await objectGet(world, container, name, versionId);
  if (old === null || old.isMarker) throw refuse(404, 'The specified version does not exist');
  const stored = await versionPromote(world, container, { name, versionId });
  return reply(201, '', {
    etag: stored.etag,
    'last-modified': httpDate(stored.modifiedUs),
    'x-object-version-id': stored.versionId,
  });
}

export const objectSource = (
  world: ObjectWorld,
  request: SwiftRequest,
): ReturnType<typeof sourceOpen> =>
  sourceOpen(world, request, {
    place: request,
    versionId: request.query.get('version-id') ?? null,
    isLinkMeant: request.query.get('symlink') === 'get',
    isManifestMeant: request.query.get('multipart-manifest') === 'get',
  });
