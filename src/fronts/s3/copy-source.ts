import { objectOpen, type OpenObject } from '../../object/object-get.ts';
import { allow } from './authorize.ts';
import { bucketFind } from './bucket-find.ts';
import { composedOpen } from './composed.ts';
import { badArgument, S3Failure } from './failure.ts';
import type { Bucket, Scene } from './scene.ts';
import { isBucketName, keyCheck } from './wire/address.ts';
import { conditionsOf, copyConditionsCheck } from './wire/conditional.ts';
import { uriDecoded } from './wire/uri.ts';

export interface CopySource {
  readonly bucket: Bucket;
  readonly opened: OpenObject;
}

interface SourceName {
  readonly bucket: string;
  readonly key: string;
  readonly versionId: string | null;
}

const header = 'x-amz-copy-source';

export function copySourceParse(text: string): SourceName {
  const bad = (message: string): S3Failure => badArgument(header, text.slice(0, 2048), message);
  // A question mark of the key itself comes quoted.
  const [, path = '', query] = /^\/?([^?]*)(?:\?(.*))?$/s.exec(text) ?? [];
  const [, version] = /^versionId=([^&]*)$/s.exec(query ?? '') ?? [];
  if (query !== undefined && version === undefined) throw bad('Unsupported copy source parameter.');
  let decoded: string;
  try {
    decoded = uriDecoded(path);
  } catch (cause) {
    throw new S3Failure('InvalidArgument', 'Invalid copy source encoding.', {
      fields: { ArgumentName: header, ArgumentValue: text.slice(0, 2048) },
      cause,
    });
  }
  const slash = decoded.indexOf('/');
  const [bucket, key] = [decoded.slice(0, Math.max(slash, 0)), decoded.slice(slash + 1)];
  if (slash <= 0 || key === '')
    throw bad('Copy Source must mention the source bucket and key: sourcebucket/sourcekey');
  if (bucket.includes('\0') || (!isBucketName(bucket) && bucket.length > 255))
    throw new S3Failure('InvalidBucketName');
  if (version !== undefined && version !== 'null' && !/^\d{1,16}$/.test(version)) {
    throw badArgument('x-amz-copy-source', version, 'Invalid version id specified');
  }
  return { bucket, key: keyCheck(key), versionId: version ?? null };
}

/** The source, open, if the caller may read it and its conditions hold. Close it. */
export async function copySourceOpen(scene: Scene): Promise<CopySource> {
  const { world, caller } = scene;
  const { bucket: name, key, versionId } = copySourceParse(scene.header(header) ?? '');
  const bucket = await bucketFind(world, name, caller.account);
  if (bucket === null)
    throw new S3Failure('NoSuchBucket', undefined, { fields: { BucketName: name } });
  const expected = scene.header('x-amz-source-expected-bucket-owner');
  if (expected !== null && expected !== bucket.owner.id) throw new S3Failure('AccessDenied');
  let opened = await objectOpen(world, bucket.container, key, versionId);
  try {
    let object = opened?.object ?? null;
    const action = versionId === null ? 's3:GetObject' : 's3:GetObjectVersion';
    // Before anything is said of what is there.
    allow(scene, { action, key, object, bucket, acl: { of: 'object', permission: 'READ' } });
    if (opened === null || object === null) {
      throw versionId === null
        ? new S3Failure('NoSuchKey', undefined, { fields: { Key: key } })
        : new S3Failure('NoSuchVersion', undefined, { fields: { Key: key, VersionId: versionId } });
    }
    if (object.isMarker) {
      throw new S3Failure(
        'InvalidRequest',
        'The source of a copy request may not specifically refer to a delete marker by version id.',
      );
    }
    opened = await composedOpen(scene, bucket, opened);
    object = opened.object;
    const conditions = conditionsOf((text) => scene.header(text), 'x-amz-copy-source-');
    copyConditionsCheck(conditions, { etag: object.etag, modifiedMs: object.modifiedUs / 1000 });
    return { bucket, opened };
  } catch (error) {
    opened?.[Symbol.dispose]();
    throw error;
  }
}

export const copySourceHeaders = ({ bucket, opened }: CopySource): Record<string, string> =>
  bucket.container.versioning === 'off'
    ? {}
    : { 'x-amz-copy-source-version-id': opened.object.versionId };
