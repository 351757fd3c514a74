import type { StoredObject } from '../../object/object.model.ts';
import { encryptionOf } from '../../object/data-key.ts';
import type { ObjectFacts, PartFacts } from '../../object/object.model.ts';
import { checksumHeader, checksumNames, type ChecksumType } from './checksum/checksum.ts';
import { encryptionHeaders } from './encryption.ts';
import { badArgument, S3Failure } from './failure.ts';
import type { Bucket, Scene } from './scene.ts';
import { daysAfter, expiryOf, type LifecycleRule } from './settings/lifecycle.ts';

const kept = [
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'expires',
] as const;

const metaPrefix = 'x-amz-meta-';
const metaLimitBytes = 2048;

/** Header values are bytes; where they are UTF-8, they are text. */
export function headerDecoded(value: string): string {
  const bytes = Buffer.from(value, 'latin1');
  const text = bytes.toString();
  return Buffer.from(text).equals(bytes) ? text : value;
}

const headerEncoded = (text: string): string => Buffer.from(text).toString('latin1');

export type ObjectDescription = Pick<ObjectFacts, 'headers' | 'meta'> & {
  readonly contentType: string;
  readonly redirect: string | null;
};

/** What an upload says of the object it makes. */
export function descriptionOf(scene: Scene): ObjectDescription {
  const headers: Record<string, string> = {};
  for (const name of kept) {
    const value = scene.header(name);
    if (value !== null) headers[name] = headerDecoded(value);
  }
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && scene.payload.kind === 'chunked') {
    // aws-chunked is how the bytes travel, not what they are.
    const left = encoding
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== 'aws-chunked' && part !== '');
    if (left.length > 0) headers['content-encoding'] = left.join(', ');
    else delete headers['content-encoding'];
  }
  return {
    headers,
    meta: metaOf(scene),
    contentType: scene.header('content-type') ?? 'binary/octet-stream',
    redirect: redirectOf(scene),
  };
}

function metaOf(scene: Scene): Record<string, string> {
  const meta: [string, string][] = [];
  let sizeBytes = 0;
  for (const [name, value] of Object.entries(scene.headers)) {
    if (!name.startsWith(metaPrefix) || name.length === metaPrefix.length) continue;
    meta.push([name.slice(metaPrefix.length), headerDecoded(String(value))]);
    sizeBytes += name.length - metaPrefix.length + Buffer.byteLength(String(value), 'latin1');
  }
  if (sizeBytes > metaLimitBytes) {
    throw new S3Failure('MetadataTooLarge', undefined, {
      fields: { Size: String(sizeBytes), MaxSizeAllowed: String(metaLimitBytes) },
    });
  }
  return Object.fromEntries(meta);
}

function redirectOf(scene: Scene): string | null {
  const text = scene.header('x-amz-website-redirect-location');
  if (text === null || /^(\/|https?:\/\/)/.test(text)) return text;
  throw new S3Failure(
    'InvalidRequest',
    "The website redirect location must have a prefix of 'http://' or 'https://' or '/'.",
  );
}

/** There is one class of storage. */
export function storageClassCheck(scene: Scene): void {
  const text = scene.header('x-amz-storage-class');
  if (text === null || text === 'STANDARD') return;
  throw new S3Failure('InvalidStorageClass', undefined, {
    fields: { StorageClassRequested: text },
  });
}

export const checksumTypeOf = ({ checksums, s3 }: ObjectFacts | PartFacts): ChecksumType => {
  const isComposite = Object.values(checksums ?? {}).some((value) => value.includes('-'));
  return isComposite || s3?.['checksumType'] === 'COMPOSITE' ? 'COMPOSITE' : 'FULL_OBJECT';
};

export function checksumHeaders({ checksums, s3 }: ObjectFacts): Record<string, string> {
  if (checksums === undefined) return {};
  const headers: Record<string, string> = {};
  for (const name of checksumNames) {
    const value = checksums[name];
    if (value !== undefined) headers[checksumHeader(name)] = value;
  }
  return { ...headers, 'x-amz-checksum-type': checksumTypeOf({ checksums, ...(s3 && { s3 }) }) };
}

/** Every header that tells of an object, for GET and HEAD. */
export function objectHeaders(scene: Scene, object: StoredObject): Record<string, string | number> {
  const { facts, etag, contentType, modifiedUs, versionId } = object;
  const { bucket } = scene;
  const headers: Record<string, string | number> = {
    ETag: `"${etag}"`,
    'Last-Modified': new Date(Math.floor(modifiedUs / 1000)).toUTCString(),
    'Content-Type': headerEncoded(contentType),
    'Accept-Ranges': 'bytes',
  };
  for (const [name, value] of Object.entries(facts.headers)) headers[name] = headerEncoded(value);
  for (const [name, value] of Object.entries(facts.meta)) {
    headers[metaPrefix + headerEncoded(name)] = headerEncoded(value);
  }
  if (bucket.container.versioning !== 'off') headers['x-amz-version-id'] = versionId;
  const { encryption, lock, legalHold, tags, s3 } = facts;
  if (encryption !== undefined) Object.assign(headers, encryptionHeaders(encryptionOf(encryption)));
  if (lock !== undefined) {
    headers['x-amz-object-lock-mode'] = lock.mode;
    headers['x-amz-object-lock-retain-until-date'] = new Date(lock.untilMs).toISOString();
  }
  if (legalHold !== undefined) headers['x-amz-object-lock-legal-hold'] = legalHold ? 'ON' : 'OFF';
  const tagCount = tags === undefined ? 0 : Object.keys(tags).length;
  if (tagCount > 0) headers['x-amz-tagging-count'] = tagCount;
  const redirect = s3?.['redirect'];
  if (typeof redirect === 'string')
    headers['x-amz-website-redirect-location'] = headerEncoded(redirect);
  const expiration = expirationHeader(scene, object);
  if (expiration !== null) headers['x-amz-expiration'] = expiration;
  return headers;
}

const dayMs = 86_400_000;

export function expirationHeader({ bucket, world }: Scene, object: StoredObject): string | null {
  const rules = bucket.document<readonly LifecycleRule[]>('s3:lifecycle');
  const { name, sizeBytes, facts, modifiedUs, expiresAtMs } = object;
  const modifiedMs = Math.floor(modifiedUs / 1000);
  const tags = facts.tags ?? {};
  const byRule =
    rules === null
      ? null
      : expiryOf(rules, { name, sizeBytes, tags, modifiedMs }, world.settings.s3.dayMs);
  // What Swift's X-Delete-At says holds here too.
  const own = expiresAtMs === null ? null : { atMs: expiresAtMs, ruleId: 'x-delete-at' };
  const expiry = own !== null && own.atMs < (byRule?.atMs ?? Infinity) ? own : byRule;
  if (expiry === null) return null;
  return `expiry-date="${new Date(expiry.atMs).toUTCString()}", rule-id="${encodeURIComponent(expiry.ruleId)}"`;
}

export function abortHeaders(
  bucket: Bucket,
  key: string,
  createdMs: number,
): Record<string, string> {
  const rules = bucket.document<readonly LifecycleRule[]>('s3:lifecycle') ?? [];
  const rule = rules.find(
    ({ isEnabled, prefix, abortUploadDays }) =>
      isEnabled && abortUploadDays !== null && key.startsWith(prefix),
  );
  if (rule === undefined) return {};
  const atMs = daysAfter(createdMs, rule.abortUploadDays ?? 0, dayMs);
  return {
    'x-amz-abort-date': new Date(atMs).toUTCString(),
    'x-amz-abort-rule-id': rule.id,
  };
}

const overrides: Readonly<Record<string, string>> = {
  'response-cache-control': 'cache-control',
  'response-content-disposition': 'content-disposition',
  'response-content-encoding': 'content-encoding',
  'response-content-language': 'content-language',
  'response-content-type': 'Content-Type',
  'response-expires': 'expires',
};

/** What a signed link says the answer's headers shall be. */
export function overrideHeaders(scene: Scene): Record<string, string> {
  const found: Record<string, string> = {};
  if (scene.query.length === 0) return found;
  for (const [param, header] of Object.entries(overrides)) {
    const value = scene.param(param);
    if (value === null) continue;
    if (scene.caller.owner === null) {
      throw new S3Failure(
        'InvalidRequest',
        'Request specific response headers cannot be used for anonymous GET requests.',
      );
    }
    // Would end the header and begin another.
    if (/\p{Cc}/u.test(value)) throw badArgument(param, value);
    found[header] = headerEncoded(value);
  }
  return found;
}
