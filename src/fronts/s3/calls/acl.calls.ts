import { objectUpdate } from '../../../object/object-update.ts';
import { allow, objectGrants, objectOwnerOf } from '../authorize.ts';
import { bodyDocument } from '../body.ts';
import { S3Failure } from '../failure.ts';
import { ownerNames } from '../owner-names.ts';
import { jsonOf, type Bucket, type Reply, type Scene } from '../scene.ts';
import {
  aclDocument,
  aclIsPublic,
  aclOfHeaders,
  aclParse,
  type Grant,
  type Owner,
} from '../settings/acl.ts';
import { documentsChange } from './bucket-settings.calls.ts';
import { objectFound } from './object-find.ts';

export async function bucketAclGet(scene: Scene): Promise<Reply> {
  allow(scene, { action: 's3:GetBucketAcl', acl: { of: 'bucket', permission: 'READ_ACP' } });
  const { owner, grants, hasAcls } = scene.bucket;
  const shown: readonly Grant[] = hasAcls ? grants : [{ user: owner, permission: 'FULL_CONTROL' }];
  return { status: 200, xml: aclDocument(owner, shown) };
}

export async function bucketAclPut(scene: Scene): Promise<Reply> {
  allow(scene, { action: 's3:PutBucketAcl', acl: { of: 'bucket', permission: 'WRITE_ACP' } });
  const { bucket } = scene;
  const grants = await grantsOf(scene, bucket.owner);
  grantsCheck(bucket, grants);
  await documentsChange(scene, () => ({ 's3:acl': jsonOf(grants) }));
  return { status: 200 };
}

/** From the headers or the body, never both. */
async function grantsOf(scene: Scene, owner: Owner): Promise<Grant[]> {
  const { headers } = scene;
  const names = ownerNames(scene);
  const bytes = await bodyDocument(scene);
  const given = await aclOfHeaders(headers, { owner, bucketOwner: scene.bucket.owner }, names);
  if (given === null && bytes.length === 0) throw new S3Failure('MissingSecurityHeader');
  if (given !== null && bytes.length > 0) throw new S3Failure('UnexpectedContent');
  return given ?? (await aclParse(bytes, owner, names));
}

/** What a bucket's own settings let be granted. */
export function grantsCheck(bucket: Bucket, grants: readonly Grant[]): void {
  if (!bucket.hasAcls && !grants.every(({ user }) => user?.id === bucket.owner.id)) {
    throw new S3Failure('AccessControlListNotSupported');
  }
  if (bucket.accessBlock.blockAcls && aclIsPublic(grants)) throw new S3Failure('AccessDenied');
}

export async function objectAclGet(scene: Scene): Promise<Reply> {
  const { bucket, key, versionId } = scene;
  const object = await objectFound(scene);
  const action = versionId === null ? 's3:GetObjectAcl' : 's3:GetObjectVersionAcl';
  allow(scene, { action, key, object, acl: { of: 'object', permission: 'READ_ACP' } });
  return {
    status: 200,
    xml: aclDocument(objectOwnerOf(bucket, object), objectGrants(bucket, object)),
  };
}

export async function objectAclPut(scene: Scene): Promise<Reply> {
  const { world, bucket, key, versionId } = scene;
  const object = await objectFound(scene);
  const action = versionId === null ? 's3:PutObjectAcl' : 's3:PutObjectVersionAcl';
  allow(scene, { action, key, object, acl: { of: 'object', permission: 'WRITE_ACP' } });
  const grants = await grantsOf(scene, objectOwnerOf(bucket, object));
  grantsCheck(bucket, grants);
  await objectUpdate(world, bucket.container, {
    name: key,
    versionId: object.versionId,
    change: ({ facts }) => ({ facts: { ...facts, s3: { ...facts.s3, acl: jsonOf(grants) } } }),
  });
  return { status: 200 };
}
