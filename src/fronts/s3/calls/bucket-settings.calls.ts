import { containerUpdate } from '../../../object/container.ts';
import type { Container } from '../../../object/container.model.ts';
import { allow } from '../authorize.ts';
import { bodyDocument } from '../body.ts';
import { badArgument, S3Failure, type S3Code } from '../failure.ts';
import { isWebhookAllowed } from '../notify.reconciler.ts';
import type { Action } from '../policy/actions.ts';
import { policyParse } from '../policy/document.ts';
import { policyIsPublic } from '../policy/evaluate.ts';
import { jsonOf, type BucketDocument, type Reply, type Scene } from '../scene.ts';
import {
  accessBlockDocument,
  accessBlockParse,
  ownershipDocument,
  ownershipParse,
  type Ownership,
  type PublicAccessBlock,
} from '../settings/access-block.ts';
import { aclIsPublic } from '../settings/acl.ts';
import { corsDocument, corsParse, type CorsRule } from '../settings/cors.ts';
import {
  encryptionDocument,
  encryptionParse,
  type DefaultEncryption,
} from '../settings/encryption.ts';
import { lifecycleDocument, lifecycleParse, type LifecycleRule } from '../settings/lifecycle.ts';
import {
  notificationDocument,
  notificationParse,
  webhookUrlOf,
  type NotificationRule,
} from '../settings/notification.ts';
import {
  objectLockDocument,
  objectLockParse,
  type ObjectLockSettings,
} from '../settings/object-lock.ts';
import { bucketTagLimit, tagsDocument, tagsParse, type Tags } from '../settings/tagging.ts';
import { versioningDocument, versioningParse } from '../settings/versioning.ts';
import { websiteDocument, websiteParse, type Website } from '../settings/website.ts';
import { rootNamed } from '../wire/xml-read.ts';
import { element, xmlDocument } from '../wire/xml-write.ts';

type Run = (scene: Scene) => Promise<Reply>;

interface Setting<T extends object | string> {
  readonly kind: BucketDocument;
  readonly missing: S3Code;
  readonly actions: { readonly get: Action; readonly put: Action; readonly remove: Action };
  readonly parse: (bytes: Buffer, scene: Scene) => T;
  readonly document: (value: T) => string;
}

/** A part of a bucket that is one document: read, written whole, taken away. */
function settingCalls<T extends object | string>(
  setting: Setting<T>,
): {
  readonly get: Run;
  readonly put: Run;
  readonly remove: Run;
} {
  const { kind, missing, actions, parse, document } = setting;
  return {
    async get(scene) {
      allow(scene, { action: actions.get });
      const value = scene.bucket.document<T>(kind);
      if (value === null)
        throw new S3Failure(missing, undefined, { fields: { BucketName: scene.bucket.name } });
      return { status: 200, xml: document(value) };
    },
    async put(scene) {
      allow(scene, { action: actions.put });
      const value = parse(await bodyDocument(scene), scene);
      await documentsChange(scene, () => ({ [kind]: jsonOf(value) }));
      return { status: kind === 's3:tags' ? 204 : 200 };
    },
    async remove(scene) {
      allow(scene, { action: actions.remove });
      await documentsChange(scene, () => ({ [kind]: null }));
      return { status: 204 };
    },
  };
}

type Documents = Record<string, ReturnType<typeof jsonOf>>;

/** Null takes a document away. */
export async function documentsChange(
  scene: Scene,
  change: (container: Container) => Documents,
): Promise<void> {
  await containerUpdate(scene.world, scene.bucket.container, (container) => {
    const changed = { ...container.documents, ...change(container) };
    const kept = Object.entries(changed).filter(([, value]) => value !== null);
    return { documents: Object.fromEntries(kept) };
  });
}

const same = (get: Action, put: Action) => ({ get, put, remove: put });

export const cors = settingCalls<readonly CorsRule[]>({
  kind: 's3:cors',
  missing: 'NoSuchCORSConfiguration',
  actions: same('s3:GetBucketCORS', 's3:PutBucketCORS'),
  parse: corsParse,
  document: corsDocument,
});

export const lifecycle = settingCalls<readonly LifecycleRule[]>({
  kind: 's3:lifecycle',
  missing: 'NoSuchLifecycleConfiguration',
  actions: same('s3:GetLifecycleConfiguration', 's3:PutLifecycleConfiguration'),
  parse: (bytes, { world }) => lifecycleParse(bytes, () => world.ids.uuid()),
  document: lifecycleDocument,
});

export const website = settingCalls<Website>({
  kind: 's3:website',
  missing: 'NoSuchWebsiteConfiguration',
  actions: {
    get: 's3:GetBucketWebsite',
    put: 's3:PutBucketWebsite',
    remove: 's3:DeleteBucketWebsite',
  },
  parse: websiteParse,
  document: websiteDocument,
});

export const tagging = settingCalls<Tags>({
  kind: 's3:tags',
  missing: 'NoSuchTagSet',
  actions: same('s3:GetBucketTagging', 's3:PutBucketTagging'),
  parse: (bytes) => tagsParse(bytes, bucketTagLimit),
  document: tagsDocument,
});

export const accessBlock = settingCalls<PublicAccessBlock>({
  kind: 's3:access-block',
  missing: 'NoSuchPublicAccessBlockConfiguration',
  actions: same('s3:GetBucketPublicAccessBlock', 's3:PutBucketPublicAccessBlock'),
  parse: accessBlockParse,
  document: accessBlockDocument,
});

export const ownership = settingCalls<Ownership>({
  kind: 's3:ownership',
  missing: 'OwnershipControlsNotFoundError',
  actions: same('s3:GetBucketOwnershipControls', 's3:PutBucketOwnershipControls'),
  parse(bytes, { bucket }) {
    const wanted = ownershipParse(bytes);
    if (wanted === 'BucketOwnerEnforced' && aclIsPublic(bucket.grants)) {
      throw new S3Failure('InvalidBucketAclWithObjectOwnership');
    }
    return wanted;
  },
  document: ownershipDocument,
});

export const encryption = settingCalls<DefaultEncryption>({
  kind: 's3:encryption',
  missing: 'ServerSideEncryptionConfigurationNotFoundError',
  actions: same('s3:GetEncryptionConfiguration', 's3:PutEncryptionConfiguration'),
  parse: encryptionParse,
  document: encryptionDocument,
});

export async function versioningGet(scene: Scene): Promise<Reply> {
  allow(scene, { action: 's3:GetBucketVersioning' });
  return { status: 200, xml: versioningDocument(scene.bucket.container.versioning) };
}

export async function versioningPut(scene: Scene): Promise<Reply> {
  allow(scene, { action: 's3:PutBucketVersioning' });
  const versioning = versioningParse(await bodyDocument(scene));
  await containerUpdate(scene.world, scene.bucket.container, ({ documents }) => {
    if (versioning === 'suspended' && documents['s3:object-lock'] !== undefined) {
      throw new S3Failure(
        'InvalidBucketState',
        'An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.',
      );
    }
    return { versioning };
  });
  return { status: 200 };
}

export async function policyGet(scene: Scene): Promise<Reply> {
  allow(scene, { action: 's3:GetBucketPolicy' });
  const text = scene.bucket.document<string>('s3:policy');
  if (text === null)
    throw new S3Failure('NoSuchBucketPolicy', undefined, {
      fields: { BucketName: scene.bucket.name },
    });
  return { status: 200, headers: { 'Content-Type': 'application/json' }, body: Buffer.from(text) };
}

export async function policyPut(scene: Scene): Promise<Reply> {
  allow(scene, { action: 's3:PutBucketPolicy' });
  const { bucket } = scene;
  const text = (await bodyDocument(scene)).toString();
  const policy = policyParse(text, bucket.name);
  await documentsChange(scene, ({ documents }) => {
    const block = documents['s3:access-block'] as unknown as PublicAccessBlock | undefined;
    if (block?.blockPolicy === true && policyIsPublic(policy)) throw new S3Failure('AccessDenied');
    return { 's3:policy': text };
  });
  return { status: 204 };
}

export async function policyDelete(scene: Scene): Promise<Reply> {
  allow(scene, { action: 's3:DeleteBucketPolicy' });
  await documentsChange(scene, () => ({ 's3:policy': null }));
  return { status: 204 };
}

export async function policyStatusGet(scene: Scene): Promise<Reply> {
  allow(scene, { action: 's3:GetBucketPolicyStatus' });
  const { policy } = scene.bucket;
  if (policy === null) throw new S3Failure('NoSuchBucketPolicy');
  return {
    status: 200,
    xml: xmlDocument('PolicyStatus', element('IsPublic', policyIsPublic(policy))),
  };
}

export async function objectLockGet(scene: Scene): Promise<Reply> {
  allow(scene, { action: 's3:GetBucketObjectLockConfiguration' });
  const settings = scene.bucket.document<ObjectLockSettings>('s3:object-lock');
  if (settings === null) throw new S3Failure('ObjectLockConfigurationNotFoundError');
  return { status: 200, xml: objectLockDocument(settings) };
}

/** Locks need versions, and once there are locks versions stay. */
export async function objectLockPut(scene: Scene): Promise<Reply> {
  allow(scene, { action: 's3:PutBucketObjectLockConfiguration' });
  const settings = objectLockParse(await bodyDocument(scene));
  await documentsChange(scene, ({ versioning }) => {
    if (versioning !== 'enabled') {
      throw new S3Failure(
        'InvalidBucketState',
        "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration",
      );
    }
    return { 's3:object-lock': jsonOf(settings) };
  });
  return { status: 200 };
}

export async function notificationGet(scene: Scene): Promise<Reply> {
  allow(scene, { action: 's3:GetBucketNotification' });
  const rules = scene.bucket.document<readonly NotificationRule[]>('s3:notification') ?? [];
  return { status: 200, xml: notificationDocument(rules) };
}

export async function notificationPut(scene: Scene): Promise<Reply> {
  allow(scene, { action: 's3:PutBucketNotification' });
  const rules = notificationParse(await bodyDocument(scene), () => scene.world.ids.uuid());
  const { webhookPrefixes } = scene.world.settings.s3;
  const closed = rules.find(
    ({ topic }) => !isWebhookAllowed(webhookUrlOf(topic) ?? '', webhookPrefixes),
  );
  if (closed !== undefined) {
    throw badArgument(
      'Topic',
      closed.topic,
      'Unable to validate the following destination configurations: the operator does not let the store call this URL',
    );
  }
  await documentsChange(scene, () => ({
    's3:notification': rules.length === 0 ? null : jsonOf(rules),
  }));
  return { status: 200 };
}

export async function loggingGet(scene: Scene): Promise<Reply> {
  allow(scene, { action: 's3:GetBucketLogging' });
  return { status: 200, xml: xmlDocument('BucketLoggingStatus', '') };
}

/** Access logs go to the operator's log, never into a bucket: only turning them off is done. */
export async function loggingPut(scene: Scene): Promise<Reply> {
  allow(scene, { action: 's3:PutBucketLogging' });
  const root = rootNamed(await bodyDocument(scene), 'BucketLoggingStatus');
  if (root.children.length > 0)
    throw new S3Failure('NotImplemented', 'Server access logging into a bucket is not implemented');
  return { status: 200 };
}

export async function paymentGet(scene: Scene): Promise<Reply> {
  allow(scene, { action: 's3:GetBucketRequestPayment' });
  return {
    status: 200,
    xml: xmlDocument('RequestPaymentConfiguration', element('Payer', 'BucketOwner')),
  };
}

export async function paymentPut(scene: Scene): Promise<Reply> {
  allow(scene, { action: 's3:PutBucketRequestPayment' });
  const root = rootNamed(await bodyDocument(scene), 'RequestPaymentConfiguration');
  const [payer] = root.children;
  if (payer?.name !== 'Payer') throw new S3Failure('MalformedXML');
  if (payer.text.trim() === 'Requester')
    throw new S3Failure('NotImplemented', 'Requester pays is not implemented');
  if (payer.text.trim() !== 'BucketOwner') throw new S3Failure('MalformedXML');
  return { status: 200 };
}
