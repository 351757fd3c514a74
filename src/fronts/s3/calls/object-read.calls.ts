import { objectOpen, objectParts, type OpenObject } from '../../../object/object-get.ts';
import { encryptionOf } from '../../../object/data-key.ts';
import { allow } from '../authorize.ts';
import { composedOpen } from '../composed.ts';
import { readKeyOf } from '../encryption.ts';
import { badArgument, S3Failure } from '../failure.ts';
import { checksumHeaders, objectHeaders, overrideHeaders } from '../object-headers.ts';
import type { Reply, Scene } from '../scene.ts';
import { conditionsOf, readIsNotModified } from '../wire/conditional.ts';
import { rangeParse, type Range } from '../wire/range.ts';
import { objectMissing } from './object-find.ts';

/** Up to this an answer is one buffer. */
const wholeBytes = 256 << 10;

/** GET and HEAD, which differ in the bytes only. */
export async function objectGetCall(scene: Scene): Promise<Reply> {
  const { world, bucket, key, versionId } = scene;
  const opened = await objectOpen(world, bucket.container, key, versionId);
  try {
    if (opened === null || opened.object.isMarker) {
      return await objectMissing(scene, opened?.object ?? null);
    }
    return await objectAnswer(scene, opened);
  } catch (error) {
    opened?.[Symbol.dispose]();
    throw error;
  }
}

async function objectAnswer(scene: Scene, stored: OpenObject): Promise<Reply> {
  const { key, versionId } = scene;
  const action = versionId === null ? 's3:GetObject' : 's3:GetObjectVersion';
  const acl = { of: 'object', permission: 'READ' } as const;
  allow(scene, { action, key, object: stored.object, acl });
  const opened = await composedOpen(scene, scene.bucket, stored);
  try {
    return await openedAnswer(scene, opened);
  } catch (error) {
    opened[Symbol.dispose]();
    throw error;
  }
}

async function openedAnswer(scene: Scene, opened: OpenObject): Promise<Reply> {
  const { object } = opened;
  const dataKey = readKeyOf(scene, encryptionOf(object.facts.encryption));
  const validators = { etag: object.etag, modifiedMs: object.modifiedUs / 1000 };
  const headers = { ...objectHeaders(scene, object), ...overrideHeaders(scene) };
  if (
    readIsNotModified(
      conditionsOf((name) => scene.header(name)),
      validators,
    )
  ) {
    opened[Symbol.dispose]();
    return { status: 304, headers };
  }
  const slice = await sliceOf(scene, opened);
  const { range, partCount } = slice;
  if (partCount !== null) headers['x-amz-mp-parts-count'] = partCount;
  if (range === null && /^enabled$/i.test(scene.header('x-amz-checksum-mode') ?? '')) {
    Object.assign(headers, checksumHeaders(object.facts));
  }
  const { sizeBytes } = object;
  const length = range === null ? sizeBytes : range.last - range.first + 1;
  headers['Content-Length'] = length;
  if (range !== null) headers['Content-Range'] = `bytes ${range.first}-${range.last}/${sizeBytes}`;
  const status = range === null ? 200 : 206;
  if (scene.request.method === 'HEAD') {
    opened[Symbol.dispose]();
    return { status, headers };
  }
  if (length > wholeBytes) {
    return { status, headers, stream: opened.read(range, dataKey), opened };
  }
  const body = length === 0 ? Buffer.alloc(0) : await opened.readWhole(range, dataKey);
  opened[Symbol.dispose]();
  return { status, headers, body };
}

interface Slice {
  readonly range: Range | null;
  readonly partCount: number | null;
}

async function sliceOf(scene: Scene, { object }: OpenObject): Promise<Slice> {
  const number = scene.param('partNumber');
  const header = scene.header('range');
  if (number !== null) {
    if (header !== null)
      throw new S3Failure(
        'InvalidRequest',
        'Cannot specify both Range header and partNumber query parameter',
      );
    return await partSlice(scene, object, number);
  }
  const range = rangeParse(header, object.sizeBytes);
  if (range === 'unsatisfiable') {
    throw new S3Failure('InvalidRange', undefined, {
      fields: { RangeRequested: header ?? '', ActualObjectSize: String(object.sizeBytes) },
      headers: { 'Content-Range': `bytes */${object.sizeBytes}` },
    });
  }
  return { range, partCount: null };
}

async function partSlice(scene: Scene, object: OpenObject['object'], text: string): Promise<Slice> {
  const number = Number(text);
  if (!/^\d{1,5}$/.test(text) || number < 1 || number > 10_000) {
    throw badArgument(
      'partNumber',
      text,
      'Part number must be an integer between 1 and 10000, inclusive',
    );
  }
  const parts = await objectParts(scene.world, object);
  if (parts.length === 0) {
    if (number > 1) throw new S3Failure('InvalidPartNumber');
    const range = object.sizeBytes === 0 ? null : { first: 0, last: object.sizeBytes - 1 };
    return { range, partCount: null };
  }
  // Parts count by their place, as AWS answers them: uploads may leave numbers out.
  const part = parts[number - 1];
  if (part === undefined) throw new S3Failure('InvalidPartNumber');
  const { offset, sizeBytes } = part;
  const range = sizeBytes === 0 ? null : { first: offset, last: offset + sizeBytes - 1 };
  return { range, partCount: parts.length };
}
