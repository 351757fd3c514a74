import { markerGet, objectGet } from '../../../object/object-get.ts';
import type { StoredObject } from '../../../object/object.model.ts';
import { isAllowed } from '../authorize.ts';
import { S3Failure } from '../failure.ts';
import type { Scene } from '../scene.ts';

/**
 * Why there is nothing to read. Whoever may not list the bucket does not learn that a name is free; what lies behind a
 * delete marker is told as such.
 */
export async function objectMissing(scene: Scene, object: StoredObject | null): Promise<never> {
  const { world, bucket, key, versionId } = scene;
  const mayList = isAllowed(scene, {
    action: 's3:ListBucket',
    acl: { of: 'bucket', permission: 'READ' },
  });
  if (!mayList) throw new S3Failure('AccessDenied');
  const asked = { Key: key };
  if (object?.isMarker === true) {
    throw new S3Failure('MethodNotAllowed', undefined, {
      fields: { Method: scene.request.method ?? '', ResourceType: 'DeleteMarker' },
      headers: {
        'x-amz-delete-marker': 'true',
        'x-amz-version-id': object.versionId,
        'Last-Modified': new Date(object.modifiedUs / 1000).toUTCString(),
        Allow: 'DELETE',
      },
    });
  }
  if (versionId !== null) {
    throw new S3Failure('NoSuchVersion', undefined, { fields: { ...asked, VersionId: versionId } });
  }
  const marker =
    bucket.container.versioning === 'off' ? null : await markerGet(world, bucket.container, key);
  throw new S3Failure('NoSuchKey', undefined, {
    fields: asked,
    ...(marker !== null && {
      headers: { 'x-amz-delete-marker': 'true', 'x-amz-version-id': marker.versionId },
    }),
  });
}

/** The object that a call is about, for those who may at least list. */
export async function objectFound(scene: Scene): Promise<StoredObject> {
  const { world, bucket, key, versionId } = scene;
  const object = await objectGet(world, bucket.container, key, versionId);
  if (object !== null && !object.isMarker) return object;
  return await objectMissing(scene, object);
}
