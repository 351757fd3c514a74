import type { Guard } from '../../object/object-put.ts';
import type { Json, ObjectFacts, StoredObject } from '../../object/object.model.ts';
import { allow } from './authorize.ts';
import { isDigestGiven } from './body.ts';
import { grantsCheck } from './calls/acl.calls.ts';
import type { Checksum } from './checksum/checksum.ts';
import { encryptionHeaders, writeKeyOf, type WriteKey } from './encryption.ts';
import { encryptionOf } from '../../object/data-key.ts';
import { S3Failure } from './failure.ts';
import {
  checksumHeaders,
  descriptionOf,
  expirationHeader,
  storageClassCheck,
  type ObjectDescription,
} from './object-headers.ts';
import { ownerNames } from './owner-names.ts';
import { jsonOf, type Scene } from './scene.ts';
import { aclOfHeaders, hasAclHeaders, type Grant, type Owner } from './settings/acl.ts';
import {
  defaultRetention,
  lockOfHeaders,
  type LockHeaders,
  type ObjectLockSettings,
} from './settings/object-lock.ts';
import { tagsOfHeader, type Tags } from './settings/tagging.ts';
import { writeConditionsCheck, writeConditionsOf } from './wire/conditional.ts';

/** What a request says about the object it makes, beside its bytes. */
export interface WritePlan {
  readonly contentType: string;
  readonly facts: ObjectFacts;
  readonly writeKey: WriteKey | null;
}

/** Throws unless the caller may make this object, with everything that the request asks for it. */
export function writeAllow(scene: Scene): void {
  const { key } = scene;
  const acl = { of: 'bucket', permission: 'WRITE' } as const;
  allow(scene, { action: 's3:PutObject', key, acl });
  if (hasAclHeaders(scene.headers)) allow(scene, { action: 's3:PutObjectAcl', key, acl });
  if (scene.header('x-amz-tagging') !== null) allow(scene, { action: 's3:PutObjectTagging', key });
  if (scene.header('x-amz-object-lock-mode') !== null) {
    allow(scene, { action: 's3:PutObjectRetention', key });
  }
  if (scene.header('x-amz-object-lock-legal-hold') !== null) {
    allow(scene, { action: 's3:PutObjectLegalHold', key });
  }
}

export interface PlanOptions {
  /** A copy keeps what it does not replace. */
  readonly description?: ObjectDescription;
  readonly tags?: Tags;
}

export async function writePlan(scene: Scene, options: PlanOptions = {}): Promise<WritePlan> {
  storageClassCheck(scene);
  const { contentType, headers, meta, redirect } = options.description ?? descriptionOf(scene);
  const tagging = scene.header('x-amz-tagging');
  const tags = options.tags ?? (tagging === null ? {} : tagsOfHeader(tagging));
  const writeKey = writeKeyOf(scene, scene.bucket);
  const { retention, legalHold } = lockPlan(scene);
  const access = await accessPlan(scene);
  const s3: Record<string, Json> = { ...access, ...(redirect !== null && { redirect }) };
  return {
    contentType,
    writeKey,
    facts: {
      headers,
      meta,
      ...(Object.keys(tags).length > 0 && { tags }),
      ...(retention !== null && { lock: retention }),
      ...(legalHold !== null && { legalHold }),
      ...(writeKey !== null && { encryption: jsonOf(writeKey.encryption) }),
      ...(Object.keys(s3).length > 0 && { s3 }),
    },
  };
}

/** Only what differs from the usual is kept: owned by the bucket's owner, and open to nobody else. */
async function accessPlan(scene: Scene): Promise<Record<string, Json>> {
  const { bucket, maker } = scene;
  const given = await aclOfHeaders(
    scene.headers,
    { owner: maker, bucketOwner: bucket.owner },
    ownerNames(scene),
  );
  if (given !== null) grantsCheck(bucket, given);
  if (!bucket.hasAcls) return {};
  const isGivenAway =
    bucket.ownership === 'BucketOwnerPreferred' &&
    scene.header('x-amz-acl') === 'bucket-owner-full-control';
  const owner: Owner = isGivenAway ? bucket.owner : maker;
  const grants: readonly Grant[] | null = isGivenAway ? null : given;
  return {
    ...(owner.id !== bucket.owner.id && { owner: jsonOf(owner) }),
    ...(grants !== null && { acl: jsonOf(grants) }),
  };
}

function lockPlan(scene: Scene): LockHeaders {
  const asked = lockOfHeaders((name) => scene.header(name), scene.nowMs);
  const settings = scene.bucket.document<ObjectLockSettings>('s3:object-lock');
  const isAsked = asked.retention !== null || asked.legalHold !== null;
  if (isAsked && settings === null) {
    throw new S3Failure('InvalidRequest', 'Bucket is missing Object Lock Configuration');
  }
  const isUpload = scene.header('x-amz-copy-source') === null && scene.request.method === 'PUT';
  if (isAsked && isUpload && !isDigestGiven(scene)) {
    throw new S3Failure(
      'InvalidRequest',
      'Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object Lock parameters',
    );
  }
  const rule = settings?.rule ?? null;
  if (asked.retention !== null || rule === null) return asked;
  return { ...asked, retention: defaultRetention(rule, scene.nowMs) };
}

export function withChecksum(facts: ObjectFacts, checksum: Checksum | null): ObjectFacts {
  if (checksum === null) return facts;
  const { name, value, type } = checksum;
  return {
    ...facts,
    checksums: { [name]: value },
    ...(type === 'COMPOSITE' && { s3: { ...facts.s3, checksumType: type } }),
  };
}

/** Null: the request has no conditions. */
export function writeGuard(scene: Scene): { readonly guard?: Guard } {
  const conditions = writeConditionsOf((name) => scene.header(name));
  if (conditions.ifMatch === null && conditions.ifNoneMatch === null) return {};
  return { guard: (current) => writeConditionsCheck(conditions, current) };
}

/** What every answer to a write tells of what was written. */
export function writtenHeaders(scene: Scene, stored: StoredObject): Record<string, string> {
  const expiration = expirationHeader(scene, stored);
  return {
    ...(scene.bucket.container.versioning !== 'off' && { 'x-amz-version-id': stored.versionId }),
    ...encryptionHeaders(encryptionOf(stored.facts.encryption)),
    ...(expiration !== null && { 'x-amz-expiration': expiration }),
  };
}

export const writtenChecksums = ({ facts }: StoredObject): Record<string, string> =>
  checksumHeaders(facts);
