import type { StoredObject } from '../../object/object.model.ts';
import { S3Failure } from './failure.ts';
import { isReadAction, type Action } from './policy/actions.ts';
import { policyEvaluate, policyIsPublic } from './policy/evaluate.ts';
import type { ConditionFacts } from './policy/condition.ts';
import type { Bucket, Scene } from './scene.ts';
import { aclAllows, type Grant, type Owner, type Permission } from './settings/acl.ts';
import { tagsOfHeader } from './settings/tagging.ts';

export interface Question {
  readonly action: Action;
  /** Null: the bucket. */
  readonly key?: string | null;
  /** What is there under the key, as far as the answer depends on it. */
  readonly object?: StoredObject | null;
  /** The permission that an access list can give, and whose list it is. */
  readonly acl?: { readonly of: 'bucket' | 'object'; readonly permission: Permission };
  /** Another bucket than the request's: the source of a copy. */
  readonly bucket?: Bucket;
}

/** Throws AccessDenied unless the caller may. */
export function allow(scene: Scene, question: Question): void {
  if (!isAllowed(scene, question)) throw new S3Failure('AccessDenied');
}

/**
 * The order of AWS: a policy that denies overrules everything; then the owner's project by role; then whatever the
 * policy or an access list gives to others.
 */
export function isAllowed(scene: Scene, question: Question): boolean {
  scene.wasAsked = true;
  const { caller } = scene;
  const bucket = question.bucket ?? scene.bucket;
  const isOwner = caller.owner !== null && caller.owner.id === bucket.owner.id;
  const mayByRole = isReadAction(question.action) ? caller.canRead : caller.canWrite;
  const verdict = policyVerdict(scene, bucket, question);
  // Policies are the owner's alone; whoever locked themselves out can still change the lock.
  const isLock = /^s3:(Get|Put|Delete)BucketPolicy$/.test(question.action);
  if (isLock && !isOwner) return false;
  if (verdict === 'deny' && !(isLock && caller.canWrite)) return false;
  // A role that may not write at home may not write elsewhere.
  if (caller.owner !== null && !mayByRole) return false;
  const objectOwner =
    question.object === undefined || question.object === null
      ? null
      : objectOwnerOf(bucket, question.object);
  if (isOwner && isOwnersOwn(question, bucket, objectOwner)) return true;
  if (verdict === 'allow' && (objectOwner === null || objectOwner.id === bucket.owner.id))
    return true;
  return aclVerdict(scene, bucket, question);
}

/** In a bucket where writers keep what they write, the owner may remove it, but not look into it. */
function isOwnersOwn({ action }: Question, bucket: Bucket, objectOwner: Owner | null): boolean {
  if (objectOwner === null || objectOwner.id === bucket.owner.id) return true;
  return /^s3:(DeleteObject|AbortMultipart|PutObject$)/.test(action);
}

export function objectOwnerOf(bucket: Bucket, { facts }: StoredObject): Owner {
  if (!bucket.hasAcls) return bucket.owner;
  return (facts.s3?.['owner'] as Owner | undefined) ?? bucket.owner;
}

export function objectGrants(bucket: Bucket, object: StoredObject): readonly Grant[] {
  const owner = objectOwnerOf(bucket, object);
  const kept = object.facts.s3?.['acl'] as readonly Grant[] | undefined;
  return kept === undefined || !bucket.hasAcls
    ? [{ user: owner, permission: 'FULL_CONTROL' }]
    : kept;
}

function aclVerdict({ caller }: Scene, bucket: Bucket, { acl, object }: Question): boolean {
  if (acl === undefined || !bucket.hasAcls) return false;
  const grants =
    acl.of === 'bucket'
      ? bucket.grants
      : object === undefined || object === null
        ? []
        : objectGrants(bucket, object);
  const { ignoreAcls, restrictBuckets } = bucket.accessBlock;
  return aclAllows(grants, acl.permission, {
    ownerId: caller.owner?.id ?? null,
    ignoresPublic: ignoreAcls || restrictBuckets,
  });
}

function policyVerdict(
  scene: Scene,
  bucket: Bucket,
  question: Question,
): 'allow' | 'deny' | 'none' {
  const { policy } = bucket;
  if (policy === null) return 'none';
  const { caller } = scene;
  const { action, key = null } = question;
  const verdict = policyEvaluate(policy, {
    principal:
      caller.owner === null
        ? null
        : { projectId: caller.owner.id, userId: caller.userId, userName: caller.userName },
    action,
    resource: key === null ? bucket.name : `${bucket.name}/${key}`,
    facts: factsOf(scene, bucket, question),
  });
  const isForeign = caller.owner?.id !== bucket.owner.id;
  const isClosed = verdict === 'allow' && isForeign && bucket.accessBlock.restrictBuckets;
  return isClosed && policyIsPublic(policy) ? 'none' : verdict;
}

const one = (text: string | null | undefined): readonly string[] | null =>
  text === null || text === undefined ? null : [text];

function factsOf(scene: Scene, bucket: Bucket, { object }: Question): ConditionFacts {
  return (key) => {
    if (key.startsWith('aws:')) return callerFact(scene, key);
    const tag = /^s3:(existing|request)objecttag\/(.+)$/s.exec(key);
    if (tag !== null) {
      const tags = tag[1] === 'existing' ? object?.facts.tags : requestTags(scene);
      return one(tags === undefined ? null : tags[tag[2] ?? '']);
    }
    return requestFact(scene, bucket, key);
  };
}

function requestTags(scene: Scene): Readonly<Record<string, string>> {
  const text = scene.header('x-amz-tagging');
  return text === null ? {} : tagsOfHeader(text);
}

function callerFact(
  { caller, context, request, nowMs }: Scene,
  key: string,
): readonly string[] | null {
  const { owner } = caller;
  switch (key) {
    case 'aws:sourceip':
      return [context.remoteAddress.replace(/^::ffff:/, '')];
    case 'aws:securetransport':
      return [String(context.scheme === 'https')];
    case 'aws:currenttime':
      return [new Date(nowMs).toISOString()];
    case 'aws:epochtime':
      return [String(Math.floor(nowMs / 1000))];
    case 'aws:useragent':
      return one(request.headers['user-agent']);
    case 'aws:referer':
      return one(request.headers.referer);
    case 'aws:principaltype':
      return [owner === null ? 'Anonymous' : 'User'];
    case 'aws:principalaccount':
      return one(owner?.id);
    case 'aws:principalarn':
      return owner === null ? null : [`arn:aws:iam::${owner.id}:user/${caller.userName}`];
    case 'aws:userid':
      return owner === null ? null : [caller.userId];
    case 'aws:username':
      return owner === null ? null : [caller.userName];
    default:
      return null;
  }
}

function requestFact(scene: Scene, bucket: Bucket, key: string): readonly string[] | null {
  const { caller } = scene;
  switch (key) {
    case 's3:prefix':
    case 's3:delimiter':
    case 's3:max-keys':
      return one(scene.param(key.slice(3)));
    case 's3:versionid':
      return one(scene.param('versionId'));
    case 's3:authtype':
      return one(
        caller.signature.version === null
          ? null
          : caller.signature.isQuery
            ? 'REST-QUERY-STRING'
            : 'REST-HEADER',
      );
    case 's3:signatureversion':
      return one(
        caller.signature.version === null
          ? null
          : caller.signature.version === 4
            ? 'AWS4-HMAC-SHA256'
            : 'AWS',
      );
    case 's3:signatureage':
      return one(caller.signature.version === 4 ? String(caller.signature.ageMs) : null);
    case 's3:resourceaccount':
      return [bucket.owner.id];
    case 's3:requestobjecttagkeys':
      return Object.keys(requestTags(scene));
    case 's3:object-lock-mode':
    case 's3:object-lock-legal-hold':
    case 's3:object-lock-retain-until-date':
      return one(scene.header(`x-amz-${key.slice(3)}`));
    case 's3:object-lock-remaining-retention-days': {
      const untilMs = Date.parse(scene.header('x-amz-object-lock-retain-until-date') ?? '');
      return Number.isNaN(untilMs)
        ? null
        : [String(Math.ceil((untilMs - scene.nowMs) / 86_400_000))];
    }
    default:
      // The rest are named after their headers.
      return one(scene.header(key.slice(3)));
  }
}
