import { partPut } from '../../../object/upload.ts';
import type { Upload } from '../../../object/upload.model.ts';
import { encryptionOf } from '../../../object/data-key.ts';
import { allow } from '../authorize.ts';
import { intakeOpen } from '../body.ts';
import { checksumElement, checksumHeader, hasherNew } from '../checksum/checksum.ts';
import { copySourceHeaders, copySourceOpen } from '../copy-source.ts';
import { encryptionHeaders, partKeyOf, readKeyOf } from '../encryption.ts';
import { badArgument, S3Failure } from '../failure.ts';
import type { Reply, Scene } from '../scene.ts';
import type { Range } from '../wire/range.ts';
import { element, isoSeconds, xmlDocument } from '../wire/xml-write.ts';
import { uploadFound, uploadPlanOf } from './upload.calls.ts';

function partNumberOf(scene: Scene): number {
  const text = scene.param('partNumber') ?? '';
  const number = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (number >= 1 && number <= 10_000) return number;
  throw badArgument(
    'partNumber',
    text,
    'Part number must be an integer between 1 and 10000, inclusive',
  );
}

const partAllow = (scene: Scene): void =>
  allow(scene, {
    action: 's3:PutObject',
    key: scene.key,
    acl: { of: 'bucket', permission: 'WRITE' },
  });

export async function partUpload(scene: Scene): Promise<Reply> {
  partAllow(scene);
  const number = partNumberOf(scene);
  const upload = await uploadFound(scene);
  const plan = uploadPlanOf(upload);
  const encryption = encryptionOf(upload.facts.encryption);
  const key = partKeyOf(scene, encryption);
  const intake = await intakeOpen(scene, plan.checksum?.name ?? null);
  const part = await partPut(scene.world, upload, {
    number,
    body: intake.body,
    sizeBytes: intake.sizeBytes,
    limitBytes: intake.limitBytes,
    hashes: intake.hashes,
    key,
    finish(got) {
      const checksum = intake.finish(got);
      if (checksum === null) return {};
      checksumKindCheck(upload, checksum.name);
      return { facts: { checksums: { [checksum.name]: checksum.value } } };
    },
  });
  const checksums = Object.entries(part.facts.checksums ?? {}).map(
    ([name, value]) => [`x-amz-checksum-${name.toLowerCase()}`, value] as const,
  );
  return {
    status: 200,
    headers: {
      ETag: `"${part.etag}"`,
      ...encryptionHeaders(encryption),
      ...Object.fromEntries(checksums),
    },
  };
}

function checksumKindCheck(upload: Upload, name: string): void {
  const { checksum } = uploadPlanOf(upload);
  if (checksum === null || checksum.name === name) return;
  throw new S3Failure(
    'InvalidRequest',
    `Checksum Type mismatch occurred, expected checksum Type: ${checksum.name.toLowerCase()}, actual checksum Type: ${name.toLowerCase()}`,
  );
}

export async function partCopy(scene: Scene): Promise<Reply> {
  partAllow(scene);
  const number = partNumberOf(scene);
  const upload = await uploadFound(scene);
  const source = await copySourceOpen(scene);
  using opened = source.opened;
  const { object } = opened;
  const range = copyRange(scene, object.sizeBytes);
  const sizeBytes = range === null ? object.sizeBytes : range.last - range.first + 1;
  const sourceKey = readKeyOf(scene, encryptionOf(object.facts.encryption), 'copy source');
  const encryption = encryptionOf(upload.facts.encryption);
  const name = uploadPlanOf(upload).checksum?.name ?? null;
  const hasher = name === null ? null : hasherNew(name);
  const part = await partPut(scene.world, upload, {
    number,
    body: sizeBytes === 0 ? new Uint8Array(0) : opened.read(range, sourceKey),
    sizeBytes,
    hashes: hasher === null ? [] : [hasher],
    key: partKeyOf(scene, encryption),
    finish: () =>
      hasher === null || name === null
        ? {}
        : { facts: { checksums: { [name]: hasher.digest().toString('base64') } } },
  });
  const checksum = name === null ? undefined : part.facts.checksums?.[name];
  return {
    status: 200,
    headers: {
      ...encryptionHeaders(encryption),
      ...copySourceHeaders(source),
      ...(name !== null && checksum !== undefined && { [checksumHeader(name)]: checksum }),
    },
    xml: xmlDocument(
      'CopyPartResult',
      element('LastModified', isoSeconds(part.modifiedUs)) +
        element('ETag', `"${part.etag}"`) +
        (name === null || checksum === undefined ? '' : element(checksumElement(name), checksum)),
    ),
  };
}

/** Both ends are named, and lie within the source. */
function copyRange(scene: Scene, sizeBytes: number): Range | null {
  const text = scene.header('x-amz-copy-source-range');
  if (text === null) return null;
  const [, first, last] = /^bytes=(\d{1,15})-(\d{1,15})$/.exec(text) ?? [];
  if (first === undefined || Number(last) < Number(first)) {
    throw badArgument(
      'x-amz-copy-source-range',
      text,
      'The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy',
    );
  }
  if (Number(last) >= sizeBytes) {
    throw badArgument(
      'x-amz-copy-source-range',
      text,
      `Range specified is not valid for source object of size: ${sizeBytes}`,
    );
  }
  return { first: Number(first), last: Number(last) };
}
