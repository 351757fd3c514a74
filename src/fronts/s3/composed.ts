/**
 * What Swift's large objects and symbolic links are to an S3 client: the bytes they lead to, as far as the client may
 * read those.
 */
import { containerGet } from '../../object/container.ts';
import { objectGet, type OpenObject } from '../../object/object-get.ts';
import { objectWith, type StoredObject } from '../../object/object.model.ts';
import type { Access, Authority } from '../../object/swift/authority.model.ts';
import { swiftFactsOf } from '../../object/swift/object-facts.ts';
import { sourceOpen } from '../../object/swift/source.ts';
import { Refusal } from '../../object/swift/swift.reply.ts';
import { noBody, type SwiftRequest } from '../../object/swift/swift.request.ts';
import { isAllowed } from './authorize.ts';
import { S3Failure } from './failure.ts';
import { Bucket, type Scene } from './scene.ts';

/** As listings and heads show it: a static large object has the size of its whole. */
export function objectShown(object: StoredObject): StoredObject {
  const { slo } = swiftFactsOf(object);
  if (slo === undefined) return object;
  // No MD5 of the bytes, and clients must not take it for one.
  const etag = `${slo.etag}-${slo.segments ?? 1}`;
  return objectWith(object, { sizeBytes: slo.sizeBytes, etag });
}

/** What is read in place of the object; it closes with it. The caller may read the object itself. */
export async function composedOpen(
  scene: Scene,
  { container }: Bucket,
  opened: OpenObject,
): Promise<OpenObject> {
  const { slo, dlo, link } = swiftFactsOf(opened.object);
  if (slo === undefined && dlo === undefined && link === undefined) return opened;
  const { account, name } = container;
  const { versionId, name: key } = opened.object;
  const place = { account, container: name, object: key };
  const request = requestOf(scene, place);
  const asked = versionId === 'null' ? null : versionId;
  const source = await sourceOpen(scene.world, request, { place, versionId: asked }).catch(refused);
  opened[Symbol.dispose]();
  if (source.opened !== null) return source.opened;
  const { etag, sizeBytes, modifiedUs } = source;
  const tag = slo === undefined ? `${etag}-1` : objectShown(source.object).etag;
  return {
    object: objectWith(source.object, { etag: tag, sizeBytes, modifiedUs, isComposed: true }),
    read: (range) => source.read(range),
    readWhole: async (range) =>
      Buffer.concat(await Array.fromAsync(source.read(range)).catch(refused)),
    [Symbol.dispose]: () => source.close(),
  };
}

/** In the words of S3. */
function refused(error: unknown): never {
  if (!(error instanceof Refusal)) throw error;
  const { status } = error.reply;
  if (status === 401 || status === 403) throw new S3Failure('AccessDenied');
  if (status === 404) throw new S3Failure('NoSuchKey');
  throw new S3Failure('OperationAborted', undefined, { cause: error });
}

type Place = Pick<SwiftRequest, 'account' | 'container' | 'object'>;

const requestOf = (scene: Scene, place: Place): SwiftRequest => ({
  ...place,
  method: 'GET',
  version: 'v1',
  query: new Map(),
  headers: {},
  body: noBody(),
  sizeBytes: 0,
  isChunked: false,
  authority: authorityOf(scene),
  hostUrl: '',
  rawPath: '',
  remoteAddress: scene.context.remoteAddress,
  transId: scene.context.requestId,
});

/** Whoever may read it through S3. */
function authorityOf(scene: Scene): Authority {
  return {
    isAnonymous: scene.caller.owner === null,
    isReseller: false,
    grant: async (access) => ((await mayRead(scene, access)) ? 'allowed' : 'denied'),
  };
}

async function mayRead(scene: Scene, { place }: Access): Promise<boolean> {
  const { world } = scene;
  const { account, container: name, object: key } = place;
  const container = name === null ? null : await containerGet(world, account, name);
  if (container === null) return scene.caller.account === account;
  const bucket = new Bucket(container, world.settings.resellerPrefix);
  if (key === null) {
    const acl = { of: 'bucket', permission: 'READ' } as const;
    return isAllowed(scene, { action: 's3:ListBucket', bucket, acl });
  }
  const object = await objectGet(world, container, key);
  const acl = { of: 'object', permission: 'READ' } as const;
  return isAllowed(scene, { action: 's3:GetObject', bucket, key, object, acl });
}
