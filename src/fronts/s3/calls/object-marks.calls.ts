import { objectUpdate } from '../../../object/object-update.ts';
import type { ObjectFacts, StoredObject } from '../../../object/object.model.ts';
import { allow } from '../authorize.ts';
import { bodyDocument } from '../body.ts';
import { S3Failure } from '../failure.ts';
import type { Reply, Scene } from '../scene.ts';
import {
  legalHoldDocument,
  legalHoldParse,
  retentionChangeCheck,
  retentionDocument,
  retentionParse,
} from '../settings/object-lock.ts';
import { objectTagLimit, tagsDocument, tagsParse, type Tags } from '../settings/tagging.ts';
import { bypassWanted } from './object-delete.call.ts';
import { objectFound } from './object-find.ts';

async function factsChange(
  scene: Scene,
  { versionId }: StoredObject,
  change: (facts: ObjectFacts) => ObjectFacts,
): Promise<StoredObject> {
  return await objectUpdate(scene.world, scene.bucket.container, {
    name: scene.key,
    versionId,
    change: ({ facts }) => ({ facts: change(facts) }),
  });
}

const versionHeader = (scene: Scene, { versionId }: StoredObject): Record<string, string> =>
  scene.bucket.container.versioning === 'off' ? {} : { 'x-amz-version-id': versionId };

export async function tagsGet(scene: Scene): Promise<Reply> {
  const { key, versionId } = scene;
  const object = await objectFound(scene);
  const action = versionId === null ? 's3:GetObjectTagging' : 's3:GetObjectVersionTagging';
  allow(scene, { action, key, object });
  return {
    status: 200,
    headers: versionHeader(scene, object),
    xml: tagsDocument(object.facts.tags ?? {}),
  };
}

export async function tagsPut(scene: Scene): Promise<Reply> {
  const { key, versionId } = scene;
  const object = await objectFound(scene);
  const action = versionId === null ? 's3:PutObjectTagging' : 's3:PutObjectVersionTagging';
  allow(scene, { action, key, object });
  const tags: Tags = tagsParse(await bodyDocument(scene), objectTagLimit);
  await factsChange(scene, object, (facts) => ({ ...facts, tags }));
  return { status: 200, headers: versionHeader(scene, object) };
}

export async function tagsDelete(scene: Scene): Promise<Reply> {
  const { key, versionId } = scene;
  const object = await objectFound(scene);
  const action = versionId === null ? 's3:DeleteObjectTagging' : 's3:DeleteObjectVersionTagging';
  allow(scene, { action, key, object });
  await factsChange(scene, object, ({ tags: _tags, ...facts }) => facts);
  return { status: 204, headers: versionHeader(scene, object) };
}

function lockNeeded({ bucket }: Scene): void {
  if (bucket.document('s3:object-lock') !== null) return;
  throw new S3Failure('InvalidRequest', 'Bucket is missing Object Lock Configuration');
}

export async function retentionGet(scene: Scene): Promise<Reply> {
  const object = await objectFound(scene);
  allow(scene, { action: 's3:GetObjectRetention', key: scene.key, object });
  lockNeeded(scene);
  const { lock } = object.facts;
  if (lock === undefined) throw new S3Failure('NoSuchObjectLockConfiguration');
  return { status: 200, xml: retentionDocument(lock) };
}

export async function retentionPut(scene: Scene): Promise<Reply> {
  const object = await objectFound(scene);
  allow(scene, { action: 's3:PutObjectRetention', key: scene.key, object });
  lockNeeded(scene);
  const { nowMs } = scene;
  const wanted = retentionParse(await bodyDocument(scene), nowMs);
  const bypasses = bypassWanted(scene, scene.key);
  await factsChange(scene, object, ({ lock, ...facts }) => {
    retentionChangeCheck({ old: lock ?? null, wanted, nowMs, bypasses });
    return wanted === null ? facts : { ...facts, lock: wanted };
  });
  return { status: 200, headers: versionHeader(scene, object) };
}

export async function legalHoldGet(scene: Scene): Promise<Reply> {
  const object = await objectFound(scene);
  allow(scene, { action: 's3:GetObjectLegalHold', key: scene.key, object });
  lockNeeded(scene);
  const { legalHold } = object.facts;
  if (legalHold === undefined) throw new S3Failure('NoSuchObjectLockConfiguration');
  return { status: 200, xml: legalHoldDocument(legalHold) };
}

export async function legalHoldPut(scene: Scene): Promise<Reply> {
  const object = await objectFound(scene);
  allow(scene, { action: 's3:PutObjectLegalHold', key: scene.key, object });
  lockNeeded(scene);
  const legalHold = legalHoldParse(await bodyDocument(scene));
  await factsChange(scene, object, (facts) => ({ ...facts, legalHold }));
  return { status: 200, headers: versionHeader(scene, object) };
}
