import { bucketAccount } from '../../object/bucket.ts';
import { containerGet } from '../../object/container.ts';
import type { ObjectWorld } from '../../object/object.world.ts';
import { S3Failure } from './failure.ts';
import { Bucket, type Scene } from './scene.ts';
import { isBucketName } from './wire/address.ts';

/**
 * The bucket of this name: the caller's own, else whoever registered the name. Two projects may both have a Swift
 * container of one name; to its owner each is the bucket.
 */
export async function bucketFind(
  world: ObjectWorld,
  name: string,
  account: string | null,
): Promise<Bucket | null> {
  const own = account === null ? null : await containerGet(world, account, name);
  if (own !== null) return new Bucket(own, world.settings.resellerPrefix);
  const holder = await bucketAccount(world, name);
  if (holder === null || holder === account) return null;
  const container = await containerGet(world, holder, name);
  return container === null ? null : new Bucket(container, world.settings.resellerPrefix);
}

export async function bucketResolve(scene: Scene, name: string): Promise<Bucket> {
  const bucket = await bucketFind(scene.world, name, scene.caller.account);
  if (bucket === null) {
    const code = isBucketName(name) ? 'NoSuchBucket' : 'InvalidBucketName';
    throw new S3Failure(code, undefined, { fields: { BucketName: name } });
  }
  const expected = scene.header('x-amz-expected-bucket-owner');
  if (expected !== null && expected !== bucket.owner.id) throw new S3Failure('AccessDenied');
  return bucket;
}
