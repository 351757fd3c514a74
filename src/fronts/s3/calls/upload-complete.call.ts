import { uploadComplete, uploadGet } from '../../../object/upload.ts';
import { objectGet } from '../../../object/object-get.ts';
import type { ObjectFacts, StoredObject } from '../../../object/object.model.ts';
import type { Upload, UploadPart } from '../../../object/upload.model.ts';
import { allow } from '../authorize.ts';
import { bodyDocument } from '../body.ts';
import {
  checksumBytes,
  checksumElement,
  checksumHeader,
  checksumNameOf,
  checksumNames,
  checksumOfParts,
  etagOfParts,
  type Checksum,
  type ChecksumName,
} from '../checksum/checksum.ts';
import { S3Failure } from '../failure.ts';
import { eventsField } from '../notify.ts';
import { checksumTypeOf } from '../object-headers.ts';
import { withChecksum, writeGuard, writtenHeaders } from '../object-write.ts';
import type { Reply, Scene } from '../scene.ts';
import {
  childrenOf,
  countOf,
  onlyChildren,
  rootNamed,
  textOf,
  type XmlNode,
} from '../wire/xml-read.ts';
import { element, xmlDocument } from '../wire/xml-write.ts';
import { uploadFound, uploadPlanOf, withoutPlan } from './upload.calls.ts';

const documentLimitBytes = 4 << 20;
const partLeastBytes = 5 << 20;
const partsMax = 10_000;

interface PartNamed {
  readonly number: number;
  readonly etag: string;
  readonly checksums: ReadonlyMap<ChecksumName, string>;
}

export async function uploadCompleteCall(scene: Scene): Promise<Reply> {
  const { world, bucket, key } = scene;
  allow(scene, { action: 's3:PutObject', key, acl: { of: 'bucket', permission: 'WRITE' } });
  const id = scene.param('uploadId') ?? '';
  const named = partsParse(
    // Checksum headers speak of the object, not of this document.
    await bodyDocument(scene, documentLimitBytes, false),
  );
  const done = await alreadyCompleted(scene, id, named);
  if (done !== null) return completedReply(scene, done);
  const upload = await uploadFound(scene);
  orderCheck(named);
  const facts = withoutPlan(upload.facts);
  const stored = await uploadComplete(world, bucket.container, upload, {
    numbers: named.map(({ number }) => number),
    finish(parts) {
      partsCheck(parts, named, id);
      sizeCheck(scene, parts);
      const checksum = checksumOf(scene, upload, parts);
      const kept = withChecksum(facts, checksum);
      return { facts: withUploadId(kept, id), etag: etagOfParts(parts.map(({ etag }) => etag)) };
    },
    ...writeGuard(scene),
    ...eventsField(scene, 's3:ObjectCreated:CompleteMultipartUpload'),
  });
  return completedReply(scene, stored);
}

/** Remembered with the object: a client that missed the answer asks again, and is told the same. */
const withUploadId = (facts: ObjectFacts, uploadId: string): ObjectFacts => ({
  ...facts,
  s3: { ...facts.s3, uploadId },
});

async function alreadyCompleted(
  scene: Scene,
  id: string,
  named: readonly PartNamed[],
): Promise<StoredObject | null> {
  const { world, bucket, key } = scene;
  if ((await uploadGet(world, bucket.container, id)) !== null) return null;
  const object = await objectGet(world, bucket.container, key);
  if (object?.facts.s3?.['uploadId'] !== id) return null;
  const isSame = object.etag === etagOfParts(named.map(({ etag }) => etag));
  return isSame ? object : null;
}

function partsParse(bytes: Buffer): PartNamed[] {
  const root = rootNamed(bytes, 'CompleteMultipartUpload');
  onlyChildren(root, ['Part']);
  const parts = childrenOf(root, 'Part').map(partParse);
  if (parts.length === 0 || parts.length > partsMax) throw new S3Failure('MalformedXML');
  return parts;
}

const partElements = ['PartNumber', 'ETag', ...checksumNames.map(checksumElement)];

function partParse(node: XmlNode): PartNamed {
  onlyChildren(node, partElements);
  const number = countOf(node, 'PartNumber');
  const etag = textOf(node, 'ETag')?.replace(/^"(.*)"$/, '$1');
  if (number === null || etag === undefined) throw new S3Failure('MalformedXML');
  if (number < 1 || number > partsMax) {
    throw new S3Failure(
      'InvalidArgument',
      'Part number must be an integer between 1 and 10000, inclusive',
      {
        fields: { ArgumentName: 'partNumber', ArgumentValue: String(number) },
      },
    );
  }
  const checksums = new Map<ChecksumName, string>();
  for (const name of checksumNames) {
    const value = textOf(node, checksumElement(name));
    if (value !== null) checksums.set(name, value);
  }
  return { number, etag, checksums };
}

function orderCheck(named: readonly PartNamed[]): void {
  const isAscending = named.every(
    ({ number }, at) => at === 0 || number > (named[at - 1]?.number ?? 0),
  );
  if (!isAscending) throw new S3Failure('InvalidPartOrder');
}

function partsCheck(
  parts: readonly UploadPart[],
  named: readonly PartNamed[],
  uploadId: string,
): void {
  parts.forEach((part, at) => {
    const { etag, checksums } = named[at] as PartNamed;
    const isSame =
      part.etag === etag &&
      [...checksums].every(([name, value]) => part.facts.checksums?.[name] === value);
    if (!isSame) {
      throw new S3Failure('InvalidPart', undefined, {
        fields: {
          UploadId: uploadId,
          PartNumber: String(part.number),
          ETag: etag.slice(0, 128),
        },
      });
    }
    if (at < parts.length - 1 && part.sizeBytes < partLeastBytes) {
      throw new S3Failure('EntityTooSmall', undefined, {
        fields: {
          ProposedSize: String(part.sizeBytes),
          MinSizeAllowed: String(partLeastBytes),
          PartNumber: String(part.number),
          ETag: part.etag,
        },
      });
    }
  });
}

function sizeCheck(scene: Scene, parts: readonly UploadPart[]): void {
  const text = scene.header('x-amz-mp-object-size');
  if (text === null) return;
  const sizeBytes = parts.reduce((sum, part) => sum + part.sizeBytes, 0);
  if (Number(text) === sizeBytes) return;
  throw new S3Failure(
    'InvalidRequest',
    "The provided 'x-amz-mp-object-size' header value does not match what was computed.",
  );
}

/** The checksum of the whole, from those of the parts; null: the upload has none. */
function checksumOf(scene: Scene, upload: Upload, parts: readonly UploadPart[]): Checksum | null {
  const { checksum } = uploadPlanOf(upload);
  const asked = scene.header('x-amz-checksum-type');
  if (asked !== null && asked !== checksum?.type) {
    throw new S3Failure(
      'InvalidRequest',
      'The upload was created using a different checksum type than was specified.',
    );
  }
  if (checksum === null) return null;
  const { name, type } = checksum;
  const values = parts.map(({ facts, sizeBytes }) => ({
    value: facts.checksums?.[name] ?? '',
    sizeBytes,
  }));
  const value = checksumOfParts(name, type, values);
  const given = scene.header(checksumHeader(name));
  if (given !== null && !isGiven(name, given, value)) {
    throw new S3Failure(
      'BadDigest',
      `The ${name} you specified did not match the calculated checksum.`,
    );
  }
  return { name, type, value };
}

function isGiven(name: ChecksumName, given: string, value: string): boolean {
  if (checksumBytes(name, given.replace(/-\d+$/, '')) === null) {
    throw new S3Failure('InvalidRequest', `Value for ${checksumHeader(name)} header is invalid.`);
  }
  return given === value || given === value.replace(/-\d+$/, '');
}

function completedReply(scene: Scene, stored: StoredObject): Reply {
  const { bucket, key, context } = scene;
  const host = scene.header('host') ?? '';
  const path = key.split('/').map(encodeURIComponent).join('/');
  const at = scene.address.isVirtual ? path : `${bucket.name}/${path}`;
  const { checksums } = stored.facts;
  const elements = Object.entries(checksums ?? {}).map(([text, value]) => {
    const name = checksumNameOf(text);
    return name === null ? '' : element(checksumElement(name), value);
  });
  return {
    status: 200,
    headers: writtenHeaders(scene, stored),
    xml: xmlDocument(
      'CompleteMultipartUploadResult',
      element('Location', `${context.scheme}://${host}/${at}`) +
        element('Bucket', bucket.name) +
        element('Key', key) +
        element('ETag', `"${stored.etag}"`) +
        elements.join('') +
        (checksums === undefined ? '' : element('ChecksumType', checksumTypeOf(stored.facts))),
    ),
  };
}
