import type { Json, ObjectFacts, StoredObject } from '../object.model.ts';
import { metaOf } from './limits.ts';
import { httpDate, refuse, timestampText } from './swift.reply.ts';
import { percentDecodeLax, type Headers } from './place.ts';

/** Headers that are kept with an object beside its own metadata. */
export const keptHeaders = [
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'expires',
  'x-robots-tag',
] as const;

/** What Swift alone knows of an object: `facts.swift`. */
export interface SwiftFacts {
  /** The bytes are a manifest: what they come to. */
  readonly slo?: { readonly etag: string; readonly sizeBytes: number; readonly segments?: number };
  /** `container/prefix` of the segments. */
  readonly dlo?: string;
  readonly link?: SymbolicLink;
}

export interface SymbolicLink {
  /** `container/object`, quoted as it came. */
  readonly target: string;
  readonly account?: string;
  /** Static: the target must have this tag. */
  readonly etag?: string;
  readonly sizeBytes?: number;
  /** The target is a static large object. */
  readonly sloEtag?: string;
}

export const swiftFactsOf = ({ facts }: StoredObject): SwiftFacts =>
  (facts.swift ?? {}) as SwiftFacts;

export const swiftFactsIn = (facts: SwiftFacts): Readonly<Record<string, Json>> =>
  facts as unknown as Readonly<Record<string, Json>>;

/** What the headers of a PUT say of the new object. */
export function factsOfHeaders(headers: Headers): ObjectFacts {
  const kept: Record<string, string> = {};
  for (const name of keptHeaders) {
    const value = headers[name];
    if (value !== undefined && value !== '') kept[name] = value;
  }
  const dlo = manifestOf(headers);
  return {
    headers: kept,
    meta: metaOf(headers, 'object'),
    ...(dlo !== null && { swift: { dlo } }),
  };
}

/** `X-Object-Manifest: container/prefix`. Null: none, or taken away. */
export function manifestOf(headers: Headers): string | null {
  const text = headers['x-object-manifest'];
  if (text === undefined || text === '') return null;
  const decoded = percentDecodeLax(text) ?? '';
  const [container = '', ...rest] = decoded.replace(/^\/+/, '').split('/');
  const prefix = rest.join('/');
  if (container === '' || prefix === '' || decoded.includes('?') || decoded.includes('&')) {
    throw refuse(400, 'X-Object-Manifest must be in the format container/prefix');
  }
  return text;
}

/** The headers of GET and HEAD that come from the object itself. */
export function headersOfObject(object: StoredObject): Record<string, string> {
  const { facts, expiresAtMs, modifiedUs, contentType, etag } = object;
  const headers: Record<string, string> = {
    'content-type': contentType,
    etag,
    'last-modified': httpDate(modifiedUs),
    'x-timestamp': timestampText(modifiedUs),
    'accept-ranges': 'bytes',
  };
  for (const [name, value] of Object.entries(facts.headers)) headers[name] = value;
  for (const [name, value] of Object.entries(facts.meta)) headers[`x-object-meta-${name}`] = value;
  if (expiresAtMs !== null) headers['x-delete-at'] = String(Math.floor(expiresAtMs / 1000));
  const { slo, dlo } = swiftFactsOf(object);
  if (slo !== undefined) headers['x-static-large-object'] = 'True';
  if (dlo !== undefined) headers['x-object-manifest'] = dlo;
  return headers;
}

/** What a symbolic link shows of itself (`?symlink=get`). */
export function headersOfLink({
  target,
  account,
  etag,
  sizeBytes,
}: SymbolicLink): Record<string, string> {
  return {
    'x-symlink-target': target,
    ...(account !== undefined && { 'x-symlink-target-account': account }),
    ...(etag !== undefined && { 'x-symlink-target-etag': etag }),
    ...(sizeBytes !== undefined && { 'x-symlink-target-bytes': String(sizeBytes) }),
  };
}
