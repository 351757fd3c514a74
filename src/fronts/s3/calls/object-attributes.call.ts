import { objectParts } from '../../../object/object-get.ts';
import { encryptionOf } from '../../../object/data-key.ts';
import type { ObjectPart, StoredObject } from '../../../object/object.model.ts';
import { allow } from '../authorize.ts';
import { checksumElement, checksumNameOf } from '../checksum/checksum.ts';
import { objectShown } from '../composed.ts';
import { readKeyOf } from '../encryption.ts';
import { badArgument } from '../failure.ts';
import { checksumTypeOf } from '../object-headers.ts';
import type { Reply, Scene } from '../scene.ts';
import { element, xmlDocument } from '../wire/xml-write.ts';
import { objectFound } from './object-find.ts';

const known = ['ETag', 'Checksum', 'ObjectParts', 'StorageClass', 'ObjectSize'];
const partsMax = 1000;

export async function objectAttributes(scene: Scene): Promise<Reply> {
  const { key, versionId, bucket } = scene;
  const object = await objectFound(scene);
  const isCurrent = versionId === null;
  const acl = { of: 'object', permission: 'READ' } as const;
  allow(scene, { action: isCurrent ? 's3:GetObject' : 's3:GetObjectVersion', key, object, acl });
  allow(scene, {
    action: isCurrent ? 's3:GetObjectAttributes' : 's3:GetObjectVersionAttributes',
    key,
    object,
    acl,
  });
  readKeyOf(scene, encryptionOf(object.facts.encryption));
  const { etag, sizeBytes } = objectShown(object);
  const wanted = attributesWanted(scene);
  const has = (name: string): boolean => wanted.includes(name);
  return {
    status: 200,
    headers: {
      'Last-Modified': new Date(Math.floor(object.modifiedUs / 1000)).toUTCString(),
      ...(bucket.container.versioning !== 'off' && { 'x-amz-version-id': object.versionId }),
    },
    xml: xmlDocument(
      'GetObjectAttributesResponse',
      (has('ETag') ? element('ETag', etag) : '') +
        (has('Checksum') ? checksumElementOf(object) : '') +
        (has('ObjectParts') ? await partsElement(scene, object) : '') +
        (has('StorageClass') ? element('StorageClass', 'STANDARD') : '') +
        (has('ObjectSize') ? element('ObjectSize', sizeBytes) : ''),
    ),
  };
}

function attributesWanted(scene: Scene): string[] {
  const text = scene.header('x-amz-object-attributes');
  const names = (text ?? '').split(',').map((name) => name.trim());
  if (text === null || names.some((name) => !known.includes(name))) {
    throw badArgument('x-amz-object-attributes', text ?? '', 'Invalid attribute name specified.');
  }
  return names;
}

function checksumsOf(checksums: Readonly<Record<string, string>>): string {
  return Object.entries(checksums)
    .map(([text, value]) => {
      const name = checksumNameOf(text);
      // The number of parts is told by ObjectParts.
      return name === null ? '' : element(checksumElement(name), value.replace(/-\d+$/, ''));
    })
    .join('');
}

function checksumElementOf({ facts }: StoredObject): string {
  const { checksums } = facts;
  if (checksums === undefined || Object.keys(checksums).length === 0) return '';
  return `<Checksum>${checksumsOf(checksums)}${element('ChecksumType', checksumTypeOf(facts))}</Checksum>`;
}

async function partsElement(scene: Scene, object: StoredObject): Promise<string> {
  if (object.partCount === 0) return '';
  const count = (name: string, most: number): number => {
    const text = scene.header(name);
    if (text === null) return most;
    if (!/^\d{1,9}$/.test(text)) throw badArgument(name, text);
    return Math.min(Number(text), most);
  };
  const after = count('x-amz-part-number-marker', 10_000);
  const limit = count('x-amz-max-parts', partsMax);
  const marker = scene.header('x-amz-part-number-marker') === null ? 0 : after;
  const parts = await objectParts(scene.world, object);
  const page = parts.filter(({ number }) => number > marker).slice(0, limit);
  const last = page.at(-1)?.number ?? marker;
  const isTruncated = (parts.at(-1)?.number ?? 0) > last;
  // Without checksums of their own AWS tells the number of parts and nothing else.
  const shown = object.facts.checksums === undefined ? [] : page;
  return (
    `<ObjectParts>${element('IsTruncated', isTruncated)}${element('MaxParts', limit)}${element('NextPartNumberMarker', last)}` +
    `${element('PartNumberMarker', marker)}${shown.map(partElement).join('')}${element('PartsCount', parts.length)}</ObjectParts>`
  );
}

const partElement = ({ number, sizeBytes, facts }: ObjectPart): string =>
  `<Part>${checksumsOf(facts.checksums ?? {})}${element('PartNumber', number)}${element('Size', sizeBytes)}</Part>`;
