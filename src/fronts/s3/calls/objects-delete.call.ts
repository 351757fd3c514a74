import { causesOf, Failure } from '../../../kernel/errors.ts';
import { bodyDocument } from '../body.ts';
import { codeOfKind, S3Failure } from '../failure.ts';
import type { Reply, Scene } from '../scene.ts';
import { checksumNames, checksumHeader } from '../checksum/checksum.ts';
import {
  childrenOf,
  onlyChildren,
  rootNamed,
  textNeeded,
  textOf,
  childOf,
  type XmlNode,
} from '../wire/xml-read.ts';
import { element, elementIf, xmlDocument } from '../wire/xml-write.ts';
import { objectDeleteOne, type DeleteAsked } from './object-delete.call.ts';

const limit = 1000;
/** Deletions that wait for one commit together. */
const together = 100;
const documentLimitBytes = 4 << 20;

/** Each key succeeds or fails for itself. */
export async function objectsDelete(scene: Scene): Promise<Reply> {
  digestNeeded(scene);
  const root = rootNamed(await bodyDocument(scene, documentLimitBytes), 'Delete');
  onlyChildren(root, ['Object', 'Quiet']);
  const objects = childrenOf(root, 'Object');
  if (objects.length === 0 || objects.length > limit) throw new S3Failure('MalformedXML');
  const isQuiet = textOf(root, 'Quiet') === 'true';
  // Each of them asks for itself.
  scene.wasAsked = true;
  const asked = objects.map(deleteAsked);
  const results: string[] = [];
  for (let at = 0; at < asked.length; at += together) {
    const some = asked.slice(at, at + together);
    results.push(...(await Promise.all(some.map((one) => objectDeleted(scene, one, isQuiet)))));
  }
  return { status: 200, xml: xmlDocument('DeleteResult', results.join('')) };
}

/** So much is deleted by one body that a broken one must not be believed. */
function digestNeeded(scene: Scene): void {
  const hasDigest =
    scene.header('content-md5') !== null ||
    scene.header('x-amz-trailer') !== null ||
    checksumNames.some((name) => scene.header(checksumHeader(name)) !== null);
  if (!hasDigest) {
    throw new S3Failure(
      'InvalidRequest',
      'Missing required header for this request: Content-MD5 OR x-amz-checksum-*',
    );
  }
}

function deleteAsked(node: XmlNode): DeleteAsked {
  onlyChildren(node, ['Key', 'VersionId', 'ETag', 'LastModifiedTime', 'Size']);
  const modified = textOf(node, 'LastModifiedTime');
  const size = textOf(node, 'Size');
  const key = childOf(node, 'Key')?.text ?? textNeeded(node, 'Key');
  if (key === '') throw new S3Failure('UserKeyMustBeSpecified');
  return {
    key,
    versionId: textOf(node, 'VersionId'),
    ifMatch: textOf(node, 'ETag'),
    modifiedMs: modified === null ? null : Date.parse(modified),
    sizeBytes: size === null ? null : Number(size),
  };
}

async function objectDeleted(scene: Scene, asked: DeleteAsked, isQuiet: boolean): Promise<string> {
  const { key, versionId } = asked;
  const isVersion = versionId === null || versionId === 'null' || /^\d{1,16}$/.test(versionId);
  if (!isVersion)
    return errorElement(asked, 'NoSuchVersion', new S3Failure('NoSuchVersion').message);
  try {
    const { marker, object } = await objectDeleteOne(scene, asked);
    if (isQuiet) return '';
    const markerVersion =
      marker?.versionId ?? (object?.isMarker === true ? object.versionId : null);
    return (
      `<Deleted>${element('Key', key)}${elementIf('VersionId', versionId)}` +
      `${markerVersion === null ? '' : element('DeleteMarker', true) + element('DeleteMarkerVersionId', markerVersion)}</Deleted>`
    );
  } catch (error) {
    if (error instanceof S3Failure) return errorElement(asked, error.code, error.message);
    if (error instanceof Failure && error.type === 'ObjectLocked') {
      return errorElement(
        asked,
        'AccessDenied',
        'Access Denied because object protected by object lock.',
      );
    }
    if (!(error instanceof Failure)) {
      scene.context.log.error('an object could not be deleted', { causes: causesOf(error) });
    }
    const { code, message } = new S3Failure(
      error instanceof Failure ? codeOfKind[error.kind] : 'InternalError',
    );
    return errorElement(asked, code, message);
  }
}

const errorElement = ({ key, versionId }: DeleteAsked, code: string, message: string): string =>
  `<Error>${element('Key', key)}${elementIf('VersionId', versionId)}${element('Code', code)}${element('Message', message)}</Error>`;
