import {
  partList,
  uploadAbort,
  uploadCreate,
  uploadGet,
  uploadList,
} from '../../../object/upload.ts';
import type { ObjectFacts } from '../../../object/object.model.ts';
import type { Upload } from '../../../object/upload.model.ts';
import { encryptionOf } from '../../../object/data-key.ts';
import { allow } from '../authorize.ts';
import { bodyDocument } from '../body.ts';
import {
  checksumElement,
  checksumNameOf,
  checksumTypeFor,
  type ChecksumName,
  type ChecksumType,
} from '../checksum/checksum.ts';
import { encryptionHeaders } from '../encryption.ts';
import { badArgument, S3Failure } from '../failure.ts';
import { abortHeaders } from '../object-headers.ts';
import { writeAllow, writePlan } from '../object-write.ts';
import { jsonOf, type Bucket, type Reply, type Scene } from '../scene.ts';
import type { Owner } from '../settings/acl.ts';
import { element, elementIf, isoSeconds, xmlDocument } from '../wire/xml-write.ts';
import { countParam } from './bucket.calls.ts';
import { encodingOf } from './listing.calls.ts';

const pageMax = 1000;

/** What an upload decided for all of its parts; kept with it, and taken off when it is completed. */
export interface UploadPlan {
  readonly initiator: Owner;
  readonly checksum: { readonly name: ChecksumName; readonly type: ChecksumType } | null;
}

export const uploadPlanOf = ({ facts }: Upload): UploadPlan =>
  facts.s3?.['upload'] as unknown as UploadPlan;

/** What the object has once the upload is done. */
export function withoutPlan({ s3, ...facts }: ObjectFacts): ObjectFacts {
  const { upload: _upload, ...rest } = s3 ?? {};
  return Object.keys(rest).length === 0 ? facts : { ...facts, s3: rest };
}

export async function uploadCreateCall(scene: Scene): Promise<Reply> {
  writeAllow(scene);
  const { world, bucket, key } = scene;
  await bodyDocument(scene, 0);
  const checksum = checksumPlan(scene);
  const { contentType, facts } = await writePlan(scene);
  const { owner, userName } = scene.caller;
  const plan: UploadPlan = { initiator: owner ?? scene.maker, checksum };
  const upload = await uploadCreate(world, bucket.container, {
    name: key,
    contentType,
    facts: { ...facts, s3: { ...facts.s3, upload: jsonOf({ ...plan, userName }) } },
  });
  return {
    status: 200,
    headers: {
      ...encryptionHeaders(encryptionOf(facts.encryption)),
      ...abortHeaders(bucket, key, Math.floor(upload.createdUs / 1000)),
      ...(checksum !== null && {
        'x-amz-checksum-algorithm': checksum.name,
        'x-amz-checksum-type': checksum.type,
      }),
    },
    xml: xmlDocument(
      'InitiateMultipartUploadResult',
      element('Bucket', bucket.name) + element('Key', key) + element('UploadId', upload.id),
    ),
  };
}

function checksumPlan(scene: Scene): UploadPlan['checksum'] {
  const text = scene.header('x-amz-checksum-algorithm');
  const type = scene.header('x-amz-checksum-type');
  if (text === null) {
    if (type === null) return null;
    throw new S3Failure(
      'InvalidRequest',
      'The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.',
    );
  }
  const name = checksumNameOf(text);
  if (name === null)
    throw new S3Failure(
      'InvalidRequest',
      'Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]',
    );
  return { name, type: checksumTypeFor(name, type) };
}

/** The upload that a request names, for this key and no other. */
export async function uploadFound(scene: Scene): Promise<Upload> {
  const id = scene.param('uploadId') ?? '';
  const upload = /^[0-9a-f]{32}$/.test(id)
    ? await uploadGet(scene.world, scene.bucket.container, id)
    : null;
  if (upload !== null && upload.name === scene.key && upload.facts.s3?.['upload'] !== undefined)
    return upload;
  throw new S3Failure('NoSuchUpload', undefined, { fields: { UploadId: id.slice(0, 128) } });
}

export async function uploadAbortCall(scene: Scene): Promise<Reply> {
  allow(scene, {
    action: 's3:AbortMultipartUpload',
    key: scene.key,
    acl: { of: 'bucket', permission: 'WRITE' },
  });
  await uploadAbort(scene.world, await uploadFound(scene));
  return { status: 204 };
}

const personElement = (name: string, { id, name: shown }: Owner): string =>
  `<${name}>${element('ID', id)}${element('DisplayName', shown)}</${name}>`;

function ownersElements(bucket: Bucket, upload: Upload): string {
  const { initiator } = uploadPlanOf(upload);
  const owner = (upload.facts.s3?.['owner'] as Owner | undefined) ?? bucket.owner;
  return personElement('Initiator', initiator) + personElement('Owner', owner);
}

export async function partsList(scene: Scene): Promise<Reply> {
  const { world, bucket, key } = scene;
  allow(scene, {
    action: 's3:ListMultipartUploadParts',
    key,
    acl: { of: 'bucket', permission: 'READ' },
  });
  const { encode, type } = encodingOf(scene);
  const limit = countParam(scene, 'max-parts', pageMax);
  const after = markerParam(scene);
  const upload = await uploadFound(scene);
  const found = await partList(world, upload, { after, limit: limit + 1 });
  const parts = found.slice(0, limit);
  const { checksum } = uploadPlanOf(upload);
  const rows = parts.map(
    ({ number, modifiedUs, etag, sizeBytes, facts }) =>
      `<Part>${element('PartNumber', number)}${element('LastModified', isoSeconds(modifiedUs))}` +
      `${element('ETag', `"${etag}"`)}${element('Size', sizeBytes)}` +
      `${checksum === null ? '' : elementIf(checksumElement(checksum.name), facts.checksums?.[checksum.name])}</Part>`,
  );
  return {
    status: 200,
    headers: abortHeaders(bucket, key, Math.floor(upload.createdUs / 1000)),
    xml: xmlDocument(
      'ListPartsResult',
      element('Bucket', bucket.name) +
        element('Key', encode(key)) +
        element('UploadId', upload.id) +
        ownersElements(bucket, upload) +
        element('StorageClass', 'STANDARD') +
        (checksum === null
          ? ''
          : element('ChecksumAlgorithm', checksum.name) + element('ChecksumType', checksum.type)) +
        element('PartNumberMarker', after) +
        element('NextPartNumberMarker', parts.at(-1)?.number ?? 0) +
        element('MaxParts', limit) +
        elementIf('EncodingType', type) +
        element('IsTruncated', found.length > limit) +
        rows.join(''),
    ),
  };
}

function markerParam(scene: Scene): number {
  const text = scene.param('part-number-marker');
  if (text === null || text === '') return 0;
  if (/^\d{1,10}$/.test(text) && Number(text) < 2 ** 31) return Number(text);
  throw badArgument(
    'part-number-marker',
    text,
    'Provided part-number-marker not an integer or within integer range',
  );
}

interface UploadsPage {
  readonly uploads: readonly Upload[];
  readonly prefixes: readonly string[];
  readonly next: { readonly name: string; readonly id: string } | null;
}

export async function uploadsList(scene: Scene): Promise<Reply> {
  const { bucket } = scene;
  allow(scene, {
    action: 's3:ListBucketMultipartUploads',
    acl: { of: 'bucket', permission: 'READ' },
  });
  const { encode, type } = encodingOf(scene);
  const limit = countParam(scene, 'max-uploads', pageMax);
  const [prefix, delimiter, keyMarker, idMarker] = [
    'prefix',
    'delimiter',
    'key-marker',
    'upload-id-marker',
  ].map((name) => scene.param(name) ?? '') as [string, string, string, string];
  if (idMarker !== '' && !/^[0-9a-f]{32}$/.test(idMarker)) {
    throw badArgument('upload-id-marker', idMarker, 'Invalid uploadId marker');
  }
  const page = await uploadsPage(scene, { prefix, delimiter, keyMarker, idMarker, limit });
  const rows = page.uploads.map(
    (upload) =>
      `<Upload>${element('Key', encode(upload.name))}${element('UploadId', upload.id)}${ownersElements(bucket, upload)}` +
      `${element('StorageClass', 'STANDARD')}${element('Initiated', isoSeconds(upload.createdUs))}</Upload>`,
  );
  const prefixes = page.prefixes.map(
    (text) => `<CommonPrefixes>${element('Prefix', encode(text))}</CommonPrefixes>`,
  );
  return {
    status: 200,
    xml: xmlDocument(
      'ListMultipartUploadsResult',
      element('Bucket', bucket.name) +
        element('KeyMarker', encode(keyMarker)) +
        element('UploadIdMarker', idMarker) +
        element('NextKeyMarker', page.next === null ? '' : encode(page.next.name)) +
        element('NextUploadIdMarker', page.next?.id ?? '') +
        (delimiter === '' ? '' : element('Delimiter', encode(delimiter))) +
        (prefix === '' ? '' : element('Prefix', encode(prefix))) +
        element('MaxUploads', limit) +
        elementIf('EncodingType', type) +
        element('IsTruncated', page.next !== null) +
        rows.join('') +
        prefixes.join(''),
    ),
  };
}

interface UploadsAsked {
  readonly prefix: string;
  readonly delimiter: string;
  readonly keyMarker: string;
  readonly idMarker: string;
  readonly limit: number;
}

async function uploadsPage(scene: Scene, asked: UploadsAsked): Promise<UploadsPage> {
  const { prefix, delimiter, keyMarker, idMarker, limit } = asked;
  const uploads: Upload[] = [];
  const prefixes: string[] = [];
  let last: UploadsPage['next'] = null;
  if (limit === 0) return { uploads, prefixes, next: null };
  for (let after = keyMarker === '' ? null : { name: keyMarker, id: idMarker }; ;) {
    const found = await uploadList(scene.world, scene.bucket.container, {
      prefix,
      ...(after !== null && { after }),
      limit: pageMax,
    });
    for (const upload of found) {
      // Swift has uploads of its own under the same roof.
      if (upload.facts.s3?.['upload'] === undefined) continue;
      const rolled = rolledUp(upload.name, prefix, delimiter);
      if (rolled !== null && (rolled === prefixes.at(-1) || rolled === keyMarker)) continue;
      if (uploads.length + prefixes.length >= limit) return { uploads, prefixes, next: last };
      if (rolled === null) uploads.push(upload);
      else prefixes.push(rolled);
      last = rolled === null ? { name: upload.name, id: upload.id } : { name: rolled, id: '' };
    }
    const end = found.at(-1);
    if (end === undefined || found.length < pageMax) return { uploads, prefixes, next: null };
    after = { name: end.name, id: end.id };
  }
}

function rolledUp(name: string, prefix: string, delimiter: string): string | null {
  const at = delimiter === '' ? -1 : name.indexOf(delimiter, prefix.length);
  return at < 0 ? null : name.slice(0, at + delimiter.length);
}
