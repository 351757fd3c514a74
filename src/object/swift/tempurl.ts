import { createHmac } from 'node:crypto';
import { BlockList, isIP } from 'node:net';
import { accountGet } from '../account.ts';
import { containerGet } from '../container.ts';
import type { Documents } from '../container.model.ts';
import type { ObjectWorld } from '../object.world.ts';
import type { Authority } from './authority.model.ts';
import { refuse, type SwiftReply } from './swift.reply.ts';
import { pathQuote, splitOnce, type Place } from './place.ts';
import type { SwiftRequest } from './swift.request.ts';
import { isSame } from './tempauth.ts';

export const temporaryMethods = ['GET', 'HEAD', 'PUT', 'POST', 'DELETE'] as const;
export const temporaryDigests = ['sha1', 'sha256', 'sha512'] as const;
type Digest = (typeof temporaryDigests)[number];

/** A key that somebody wrote into an account's or a container's metadata opens what lies below it. */
export interface ScopedKey {
  readonly key: string;
  readonly scope: Pick<Place, 'account' | 'container'>;
}

export async function scopedKeys(
  world: ObjectWorld,
  { account, container }: Pick<Place, 'account' | 'container'>,
): Promise<ScopedKey[]> {
  const [owner, found] = await Promise.all([
    accountGet(world, account),
    container === null ? null : containerGet(world, account, container),
  ]);
  const keys = (documents: Documents, scope: ScopedKey['scope']): ScopedKey[] => {
    const meta = (documents['meta'] ?? {}) as Readonly<Record<string, string>>;
    return ['temp-url-key', 'temp-url-key-2']
      .map((name) => meta[name])
      .filter((key) => key !== undefined)
      .map((key) => ({ key, scope }));
  };
  return [
    ...keys(owner.documents, { account, container: null }),
    ...(found === null ? [] : keys(found.documents, { account, container })),
  ];
}

/** Everything in the account or container whose key signed, and nothing else. */
export const scopeAuthority = (scope: ScopedKey['scope']): Authority => ({
  isAnonymous: true,
  isReseller: false,
  grant: ({ place }) =>
    place.account === scope.account &&
    (scope.container === null || place.container === scope.container)
      ? 'allowed'
      : 'denied',
});

export interface Signature {
  readonly digest: Digest;
  readonly hex: string;
}

/** Hex, whose length tells the digest, or `sha256:<base64, of either alphabet>`. Null: neither. */
export function signatureParse(text: string): Signature | null {
  const [name = '', encoded] = splitOnce(text, ':');
  if (encoded !== undefined) {
    const digest = temporaryDigests.find((known) => known === name);
    if (digest === undefined || !/^[\w+/-]+=*$/.test(encoded)) return null;
    return { digest, hex: Buffer.from(encoded, 'base64').toString('hex') };
  }
  if (!/^[0-9a-fA-F]*$/.test(text)) return null;
  const digest = ({ 40: 'sha1', 64: 'sha256', 128: 'sha512' } as const)[text.length as 40];
  return digest === undefined ? null : { digest, hex: text.toLowerCase() };
}

/** Seconds; 0: unreadable. */
export function expiresParse(text: string): number {
  if (/^\s*[+-]?\d+\s*$/.test(text)) return Number(text);
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(text)) return 0;
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? 0 : ms / 1000;
}

export interface Signed {
  readonly method: string;
  readonly path: string;
  readonly expires: number;
  readonly ipRange: string | null;
}

export function signatureMake(
  { method, path, expires, ipRange }: Signed,
  digest: Digest,
  key: string,
): string {
  const lines = [...(ipRange === null ? [] : [`ip=${ipRange}`]), method, String(expires), path];
  return createHmac(digest, key).update(lines.join('\n')).digest('hex');
}

export function isInRange(address: string, range: string): boolean {
  const [network = '', bits] = splitOnce(range, '/');
  const plain = address.replace(/^::ffff:(?=\d+\.)/, '');
  const kind = isIP(network);
  if (kind === 0 || isIP(plain) !== kind) return false;
  const width = kind === 4 ? 32 : 128;
  const prefix = bits === undefined ? width : /^\d{1,3}$/.test(bits) ? Number(bits) : -1;
  if (prefix < 0 || prefix > width) return false;
  const list = new BlockList();
  list.addSubnet(network, prefix, kind === 4 ? 'ipv4' : 'ipv6');
  return list.check(plain, kind === 4 ? 'ipv4' : 'ipv6');
}

export interface TemporaryUrl {
  readonly authority: Authority;
  /** Changes the answer as the URL says. */
  readonly dress: (reply: SwiftReply) => SwiftReply;
}

const invalidUrl = (method: string): Error =>
  refuse(401, method === 'HEAD' ? '' : '401 Unauthorized: Temp URL invalid\n');

/** Null: the request carries no signature. */
export async function temporaryUrl(
  world: ObjectWorld,
  request: SwiftRequest,
): Promise<TemporaryUrl | null> {
  const { method, query, account, container, object, headers } = request;
  const [sent, expiresText] = [query.get('temp_url_sig'), query.get('temp_url_expires')];
  if (method === 'OPTIONS' || (sent === undefined && expiresText === undefined)) return null;
  const signature = signatureParse(sent ?? '');
  const expires = expiresParse(expiresText ?? '');
  const isTimely = expires * 1000 >= world.clock.now();
  const known = temporaryMethods.some((one) => one === method);
  if (signature === null || !isTimely || !known) throw invalidUrl(method);
  if (container === null || object === null || request.version !== 'v1') throw invalidUrl(method);
  const ipRange = query.get('temp_url_ip_range') ?? null;
  if (ipRange !== null && !isInRange(request.remoteAddress, ipRange)) throw invalidUrl(method);
  const prefix = query.get('temp_url_prefix');
  if (prefix !== undefined && !object.startsWith(prefix)) throw invalidUrl(method);
  const path =
    prefix === undefined
      ? `/v1/${account}/${container}/${object}`
      : `prefix:/v1/${account}/${container}/${prefix}`;
  // Whoever may do anything with an object may know that it is there.
  const methods = method === 'HEAD' ? ['HEAD', 'GET', 'POST', 'PUT'] : [method];
  const keys = await scopedKeys(world, { account, container });
  const fitting = keys.find(({ key }) =>
    methods.some((one) =>
      isSame(
        signatureMake({ method: one, path, expires, ipRange }, signature.digest, key),
        signature.hex,
      ),
    ),
  );
  if (fitting === undefined) throw invalidUrl(method);
  headersCheck(method, headers);
  return { authority: scopeAuthority(fitting.scope), dress: (got) => dress(request, got, expires) };
}

/** A link made by others would let the signer's rights reach beyond the URL. */
function headersCheck(method: string, headers: SwiftRequest['headers']): void {
  if (method === 'GET' || method === 'HEAD') return;
  for (const name of ['x-object-manifest', 'x-symlink-target']) {
    if (headers[name] === undefined) continue;
    const title = name.replaceAll(/(^|-)[a-z]/g, (letter) => letter.toUpperCase());
    throw refuse(400, `The header '${title}' is not allowed in this tempurl`);
  }
}

function dress(
  { method, query, object }: SwiftRequest,
  got: SwiftReply,
  expires: number,
): SwiftReply {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(got.headers)) {
    const isPrivate =
      name.startsWith('x-object-meta-') && !name.startsWith('x-object-meta-public-');
    if (!isPrivate) headers[name] = value;
  }
  if ((method === 'GET' || method === 'HEAD') && got.status >= 200 && got.status < 300) {
    headers['content-disposition'] = dispositionOf(
      query,
      headers['content-disposition'],
      object ?? '',
    );
    headers['expires'] = new Date(expires * 1000).toUTCString();
  }
  return { ...got, headers };
}

function dispositionOf(
  query: SwiftRequest['query'],
  existing: string | undefined,
  object: string,
): string {
  const filename = query.get('filename') ?? '';
  const named = (kind: string, name: string): string =>
    `${kind}; filename="${pathQuote(name).replaceAll('%20', ' ')}"; filename*=UTF-8''${pathQuote(name)}`;
  const text = query.has('inline')
    ? filename === ''
      ? 'inline'
      : named('inline', filename)
    : filename === ''
      ? (existing ?? named('attachment', object.replace(/\/+$/, '').replace(/^.*\//s, '')))
      : named('attachment', filename);
  return text.replaceAll('\n', '%0A');
}
