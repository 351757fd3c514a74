import { objectCopy } from '../../../object/object-copy.ts';
import { objectPut } from '../../../object/object-put.ts';
import type { ObjectFacts, StoredObject } from '../../../object/object.model.ts';
import { encryptionOf } from '../../../object/data-key.ts';
import { isAllowed } from '../authorize.ts';
import {
  checksumElement,
  checksumNameOf,
  hasherNew,
  type ChecksumName,
} from '../checksum/checksum.ts';
import { copySourceHeaders, copySourceOpen, type CopySource } from '../copy-source.ts';
import { readKeyOf } from '../encryption.ts';
import { badArgument, S3Failure } from '../failure.ts';
import { eventsField } from '../notify.ts';
import { descriptionOf } from '../object-headers.ts';
import {
  writeAllow,
  writeGuard,
  writePlan,
  writtenHeaders,
  type PlanOptions,
  type WritePlan,
} from '../object-write.ts';
import type { Reply, Scene } from '../scene.ts';
import { element, isoSeconds, xmlDocument } from '../wire/xml-write.ts';

/** Larger objects are copied part by part. */
const copyLimitBytes = 5 * 2 ** 30;

export async function objectCopyCall(scene: Scene): Promise<Reply> {
  writeAllow(scene);
  const range = scene.header('range');
  if (range !== null) throw badArgument('Range', range, 'RANGE is not supported in Copy!');
  const source = await copySourceOpen(scene);
  using opened = source.opened;
  const { object } = opened;
  if (object.sizeBytes > copyLimitBytes) {
    throw new S3Failure(
      'InvalidRequest',
      `The specified copy source is larger than the maximum allowable size for a copy source: ${copyLimitBytes}`,
    );
  }
  const isSelf =
    object.containerId === scene.bucket.container.id &&
    object.name === scene.key &&
    scene.header('x-amz-copy-source')?.includes('versionId=') !== true;
  const options = planOptions(scene, source);
  if (isSelf) selfCopyCheck(scene);
  const plan = await writePlan(scene, options);
  const stored = await objectCopied(scene, source, plan);
  const checksums = Object.entries(stored.facts.checksums ?? {}).map(([name, value]) => {
    const known = checksumNameOf(name);
    return known === null ? '' : element(checksumElement(known), value);
  });
  return {
    status: 200,
    headers: { ...writtenHeaders(scene, stored), ...copySourceHeaders(source) },
    xml: xmlDocument(
      'CopyObjectResult',
      element('LastModified', isoSeconds(stored.modifiedUs)) +
        element('ETag', `"${stored.etag}"`) +
        checksums.join(''),
    ),
  };
}

function directive(scene: Scene, name: string): 'COPY' | 'REPLACE' {
  const text = scene.header(name) ?? 'COPY';
  if (text === 'COPY' || text === 'REPLACE') return text;
  throw badArgument(
    name,
    text,
    `Unknown ${name === 'x-amz-tagging-directive' ? 'tagging' : 'metadata'} directive.`,
  );
}

function planOptions(scene: Scene, { bucket, opened }: CopySource): PlanOptions {
  const { facts, contentType, name } = opened.object;
  const isMetaKept = directive(scene, 'x-amz-metadata-directive') === 'COPY';
  const areTagsKept = directive(scene, 'x-amz-tagging-directive') === 'COPY';
  const replaced = descriptionOf(scene);
  // Tags may be more secret than the bytes: whoever may not read them copies without.
  const mayReadTags = isAllowed(scene, {
    action: 's3:GetObjectTagging',
    key: name,
    object: opened.object,
    bucket,
  });
  if (areTagsKept && facts.tags !== undefined && !mayReadTags) throw new S3Failure('AccessDenied');
  return {
    ...(isMetaKept && {
      description: {
        headers: facts.headers,
        meta: facts.meta,
        contentType,
        redirect: replaced.redirect,
      },
    }),
    ...(areTagsKept && { tags: facts.tags ?? {} }),
  };
}

/** An object onto itself must change something. */
function selfCopyCheck(scene: Scene): void {
  const changes =
    scene.header('x-amz-metadata-directive') === 'REPLACE' ||
    scene.header('x-amz-tagging-directive') === 'REPLACE' ||
    scene.header('x-amz-website-redirect-location') !== null ||
    scene.header('x-amz-checksum-algorithm') !== null ||
    scene.header('x-amz-server-side-encryption') !== null ||
    scene.header('x-amz-server-side-encryption-customer-algorithm') !== null ||
    scene.header('x-amz-storage-class') !== null;
  if (changes) return;
  throw new S3Failure(
    'InvalidRequest',
    "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
  );
}

function algorithmWanted(scene: Scene): ChecksumName | null {
  const text = scene.header('x-amz-checksum-algorithm');
  if (text === null) return null;
  const name = checksumNameOf(text);
  if (name !== null) return name;
  throw new S3Failure(
    'InvalidRequest',
    'Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]',
  );
}

async function objectCopied(
  scene: Scene,
  { opened }: CopySource,
  { contentType, facts, writeKey }: WritePlan,
): Promise<StoredObject> {
  const { world, bucket, key: name } = scene;
  const { object } = opened;
  const sourceKey = readKeyOf(scene, encryptionOf(object.facts.encryption), 'copy source');
  const algorithm = algorithmWanted(scene);
  const shared = {
    name,
    contentType,
    ...writeGuard(scene),
    ...eventsField(scene, 's3:ObjectCreated:Copy'),
  };
  const isFresh = algorithm !== null && object.facts.checksums?.[algorithm] === undefined;
  // A copy of parts is one piece, with the tag and the checksum of one.
  if (isFresh || object.partCount > 0) {
    const hasher = algorithm === null ? null : hasherNew(algorithm);
    return await objectPut(world, bucket.container, {
      ...shared,
      body: opened.read(null, sourceKey),
      sizeBytes: object.sizeBytes,
      facts,
      hashes: hasher === null ? [] : [hasher],
      key: writeKey?.key ?? null,
      finish: () => ({
        facts:
          hasher === null || algorithm === null
            ? facts
            : { ...facts, checksums: { [algorithm]: hasher.digest().toString('base64') } },
      }),
    });
  }
  const { checksums } = object.facts;
  const kept: ObjectFacts = checksums === undefined ? facts : { ...facts, checksums };
  return await objectCopy(world, bucket.container, {
    ...shared,
    source: opened,
    facts: kept,
    sourceKey,
    key: writeKey?.key ?? null,
  });
}
