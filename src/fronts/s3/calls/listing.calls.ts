import { objectList, versionList, type ListEntry } from '../../../object/object-list.ts';
import type { ListedVersion, StoredObject } from '../../../object/object.model.ts';
import { allow, objectOwnerOf } from '../authorize.ts';
import { objectShown } from '../composed.ts';
import { badArgument } from '../failure.ts';
import type { Bucket, Reply, Scene } from '../scene.ts';
import { checksumTypeOf } from '../object-headers.ts';
import { listingEncoded } from '../wire/uri.ts';
import { element, elementIf, escaped, isoSeconds, xmlDocument } from '../wire/xml-write.ts';
import { countParam } from './bucket.calls.ts';

const pageMax = 1000;

export interface Encoding {
  readonly type: 'url' | null;
  readonly encode: (text: string) => string;
}

export function encodingOf(scene: Scene): Encoding {
  const text = scene.param('encoding-type');
  if (text === null || text === '') return { type: null, encode: (name) => name };
  if (text !== 'url')
    throw badArgument('encoding-type', text, 'Invalid Encoding Method specified in Request');
  return { type: 'url', encode: listingEncoded };
}

export async function objectsList(scene: Scene): Promise<Reply> {
  allow(scene, { action: 's3:ListBucket', acl: { of: 'bucket', permission: 'READ' } });
  const type = scene.param('list-type');
  if (type === '2') return await objectsListV2(scene);
  if (type !== null && type !== '1') throw badArgument('list-type', type);
  return await objectsListV1(scene);
}

async function objectsListV1(scene: Scene): Promise<Reply> {
  const { encode, type } = encodingOf(scene);
  const page = pageOf(scene);
  const marker = scene.param('marker') ?? '';
  const { entries, isTruncated } = await objectList(scene.world, scene.bucket.container, {
    ...page,
    marker,
  });
  const last = entries.at(-1);
  const hasNext = isTruncated && last !== undefined;
  return {
    status: 200,
    headers: { 'x-amz-bucket-region': scene.world.settings.region },
    xml: xmlDocument(
      'ListBucketResult',
      element('Name', scene.bucket.name) +
        element('Prefix', encode(page.prefix)) +
        element('Marker', encode(marker)) +
        // Without a delimiter the last key itself is the marker, and AWS leaves it out.
        (hasNext && page.delimiter !== '' ? element('NextMarker', encode(entryNameOf(last))) : '') +
        element('MaxKeys', page.maxKeys) +
        (page.delimiter === '' ? '' : element('Delimiter', encode(page.delimiter))) +
        elementIf('EncodingType', type) +
        element('IsTruncated', isTruncated) +
        entryElements(scene.bucket, entries, { encode, hasOwner: true }),
    ),
  };
}

async function objectsListV2(scene: Scene): Promise<Reply> {
  const { encode, type } = encodingOf(scene);
  const page = pageOf(scene);
  const token = scene.param('continuation-token');
  const startAfter = scene.param('start-after') ?? '';
  const marker = token === null || token === '' ? startAfter : tokenRead(token);
  const { entries, isTruncated } = await objectList(scene.world, scene.bucket.container, {
    ...page,
    marker,
  });
  const last = entries.at(-1);
  const hasOwner = scene.param('fetch-owner') === 'true';
  return {
    status: 200,
    headers: { 'x-amz-bucket-region': scene.world.settings.region },
    xml: xmlDocument(
      'ListBucketResult',
      element('Name', scene.bucket.name) +
        element('Prefix', encode(page.prefix)) +
        elementIf('ContinuationToken', token) +
        (isTruncated && last !== undefined
          ? element('NextContinuationToken', tokenMake(entryNameOf(last)))
          : '') +
        (scene.has('start-after') ? element('StartAfter', encode(startAfter)) : '') +
        element('KeyCount', entries.length) +
        element('MaxKeys', page.maxKeys) +
        (page.delimiter === '' ? '' : element('Delimiter', encode(page.delimiter))) +
        elementIf('EncodingType', type) +
        element('IsTruncated', isTruncated) +
        entryElements(scene.bucket, entries, { encode, hasOwner }),
    ),
  };
}

const entryNameOf = (entry: ListEntry): string =>
  entry.kind === 'object' ? entry.object.name : entry.prefix;

/** Opaque to clients, and of our own making: anything else is refused. */
const tokenMake = (name: string): string => Buffer.from(`1${name}`).toString('base64');

function tokenRead(token: string): string {
  const text = Buffer.from(token, 'base64').toString();
  if (text.startsWith('1') && !text.includes('\0')) return text.slice(1);
  throw badArgument(
    'continuation-token',
    token.slice(0, 2048),
    'The continuation token provided is incorrect',
  );
}

function pageOf(scene: Scene): {
  readonly prefix: string;
  readonly delimiter: string;
  readonly limit: number;
  readonly maxKeys: number;
} {
  const maxKeys = countParam(scene, 'max-keys', pageMax);
  return {
    prefix: scene.param('prefix') ?? '',
    delimiter: scene.param('delimiter') ?? '',
    limit: maxKeys,
    maxKeys,
  };
}

function entryElements(
  bucket: Bucket,
  entries: readonly ListEntry[],
  { encode, hasOwner }: { readonly encode: (text: string) => string; readonly hasOwner: boolean },
): string {
  let contents = '';
  let prefixes = '';
  for (const entry of entries) {
    if (entry.kind === 'prefix') {
      prefixes += prefixElement(encode(entry.prefix));
      continue;
    }
    const { object } = entry;
    contents += `<Contents><Key>${escaped(encode(object.name))}</Key>${rowElements(object)}${hasOwner ? ownerElement(bucket, object) : ''}<StorageClass>STANDARD</StorageClass></Contents>`;
  }
  return contents + prefixes;
}

const prefixElement = (prefix: string): string =>
  `<CommonPrefixes><Prefix>${escaped(prefix)}</Prefix></CommonPrefixes>`;

function rowElements(object: StoredObject): string {
  const { modifiedUs, etag, sizeBytes } = objectShown(object);
  const at = isoSeconds(modifiedUs);
  return `<LastModified>${at}</LastModified><ETag>&quot;${escaped(etag)}&quot;</ETag>${checksumElements(object)}<Size>${sizeBytes}</Size>`;
}

function checksumElements({ facts }: StoredObject): string {
  const names = facts.checksums === undefined ? [] : Object.keys(facts.checksums);
  const [first] = names;
  if (first === undefined) return '';
  return `${names.map((name) => element('ChecksumAlgorithm', name)).join('')}${element('ChecksumType', checksumTypeOf(facts))}`;
}

function ownerElement(bucket: Bucket, object: StoredObject): string {
  const { id, name } = objectOwnerOf(bucket, object);
  return `<Owner><ID>${escaped(id)}</ID><DisplayName>${escaped(name)}</DisplayName></Owner>`;
}

export async function versionsList(scene: Scene): Promise<Reply> {
  allow(scene, { action: 's3:ListBucketVersions', acl: { of: 'bucket', permission: 'READ' } });
  const { encode, type } = encodingOf(scene);
  const page = pageOf(scene);
  const marker = scene.param('key-marker') ?? '';
  const versionMarker = scene.param('version-id-marker');
  versionMarkerCheck(scene.has('key-marker'), versionMarker);
  const { entries, isTruncated } = await versionList(scene.world, scene.bucket.container, {
    ...page,
    marker,
    ...(versionMarker !== null && versionMarker !== '' && { versionMarker }),
  });
  const last = entries.at(-1);
  const next =
    !isTruncated || last === undefined
      ? ''
      : last.kind === 'prefix'
        ? element('NextKeyMarker', encode(last.prefix))
        : element('NextKeyMarker', encode(last.version.name)) +
          element('NextVersionIdMarker', last.version.versionId);
  const rows = entries.map((entry) =>
    entry.kind === 'prefix' ? '' : versionElement(scene.bucket, entry.version, encode),
  );
  const prefixes = entries.map((entry) =>
    entry.kind === 'prefix' ? prefixElement(encode(entry.prefix)) : '',
  );
  return {
    status: 200,
    xml: xmlDocument(
      'ListVersionsResult',
      element('Name', scene.bucket.name) +
        element('Prefix', encode(page.prefix)) +
        element('KeyMarker', encode(marker)) +
        element('VersionIdMarker', versionMarker ?? '') +
        next +
        element('MaxKeys', page.maxKeys) +
        (scene.has('delimiter') ? element('Delimiter', encode(page.delimiter)) : '') +
        elementIf('EncodingType', type) +
        element('IsTruncated', isTruncated) +
        rows.join('') +
        prefixes.join(''),
    ),
  };
}

function versionMarkerCheck(hasKeyMarker: boolean, versionMarker: string | null): void {
  if (versionMarker === null) return;
  if (!hasKeyMarker) {
    throw badArgument(
      'version-id-marker',
      versionMarker,
      'A version-id marker cannot be specified without a key marker.',
    );
  }
  if (versionMarker === '') {
    throw badArgument('version-id-marker', '', 'A version-id marker cannot be empty.');
  }
  if (versionMarker === 'null' || /^\d{1,16}$/.test(versionMarker)) return;
  throw badArgument('version-id-marker', versionMarker, 'Invalid version id specified');
}

function versionElement(
  bucket: Bucket,
  version: ListedVersion,
  encode: (text: string) => string,
): string {
  const { name, versionId, isLatest, isMarker, modifiedUs } = version;
  const head = `${element('Key', encode(name))}${element('VersionId', versionId)}${element('IsLatest', isLatest)}`;
  const owner = ownerElement(bucket, version);
  if (!isMarker) {
    return `<Version>${head}${rowElements(version)}${owner}<StorageClass>STANDARD</StorageClass></Version>`;
  }
  const at = element('LastModified', isoSeconds(modifiedUs));
  return `<DeleteMarker>${head}${at}${owner}</DeleteMarker>`;
}
