import { objectGet } from '../../../object/object-get.ts';
import { objectDelete, type Deleted } from '../../../object/object-delete.ts';
import type { StoredObject } from '../../../object/object.model.ts';
import { allow, isAllowed } from '../authorize.ts';
import { S3Failure } from '../failure.ts';
import { eventsOf } from '../notify.ts';
import type { Reply, Scene } from '../scene.ts';
import { etagMatches } from '../wire/conditional.ts';

export interface DeleteAsked {
  readonly key: string;
  readonly versionId: string | null;
  /** Conditions on what would go. */
  readonly ifMatch: string | null;
  readonly modifiedMs: number | null;
  readonly sizeBytes: number | null;
}

export async function objectDeleteCall(scene: Scene): Promise<Reply> {
  const { key, versionId } = scene;
  const modifiedText = scene.header('x-amz-if-match-last-modified-time');
  const sizeText = scene.header('x-amz-if-match-size');
  const deleted = await objectDeleteOne(scene, {
    key,
    versionId,
    ifMatch: scene.header('if-match'),
    modifiedMs: modifiedText === null ? null : Date.parse(modifiedText),
    sizeBytes: sizeText === null ? null : Number(sizeText),
  });
  return { status: 204, headers: deletedHeaders(versionId, deleted) };
}

function deletedHeaders(
  versionId: string | null,
  { object, marker }: Deleted,
): Record<string, string> {
  if (marker !== null) {
    return { 'x-amz-delete-marker': 'true', 'x-amz-version-id': marker.versionId };
  }
  if (versionId === null) return {};
  return {
    'x-amz-version-id': versionId,
    ...(object?.isMarker === true && { 'x-amz-delete-marker': 'true' }),
  };
}

export async function objectDeleteOne(scene: Scene, asked: DeleteAsked): Promise<Deleted> {
  const { world, bucket } = scene;
  const { key, versionId } = asked;
  const object =
    bucket.policy === null ? null : await objectGet(world, bucket.container, key, versionId);
  allow(scene, {
    action: versionId === null ? 's3:DeleteObject' : 's3:DeleteObjectVersion',
    key,
    object,
    acl: { of: 'bucket', permission: 'WRITE' },
  });
  const notify = eventsOf(scene, 's3:ObjectRemoved:Delete');
  const notifyMarker = eventsOf(scene, 's3:ObjectRemoved:DeleteMarkerCreated');
  return await objectDelete(world, bucket.container, {
    name: key,
    versionId,
    bypassesGovernance: bypassWanted(scene, key),
    guard: (current) => deleteCheck(asked, current),
    ...(notify !== null && {
      events: ({ object: gone, marker }) => {
        if (marker !== null) return notifyMarker?.(marker) ?? [];
        return gone === null ? [] : notify(gone);
      },
    }),
  });
}

/** Asked for by header, and given to those who may. */
export function bypassWanted(scene: Scene, key: string): boolean {
  if (!/^true$/i.test(scene.header('x-amz-bypass-governance-retention') ?? '')) return false;
  return isAllowed(scene, { action: 's3:BypassGovernanceRetention', key });
}

function deleteCheck(
  { ifMatch, modifiedMs, sizeBytes }: DeleteAsked,
  current: StoredObject | null,
): void {
  if (ifMatch === null && modifiedMs === null && sizeBytes === null) return;
  if (current === null) throw new S3Failure('NoSuchKey');
  const holds =
    (ifMatch === null || etagMatches(ifMatch, current.etag)) &&
    (modifiedMs === null ||
      Math.floor(current.modifiedUs / 1e6) === Math.floor(modifiedMs / 1000)) &&
    (sizeBytes === null || current.sizeBytes === sizeBytes);
  if (!holds)
    throw new S3Failure('PreconditionFailed', undefined, { fields: { Condition: 'If-Match' } });
}
