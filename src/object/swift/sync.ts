import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Container } from '../container.model.ts';
import { followOf } from '../follow.ts';
import type { ObjectWorld, SyncRealm } from '../object.world.ts';
import { pathOf, splitOnce } from './place.ts';
import { refuse } from './swift.reply.ts';
import type { SwiftRequest } from './swift.request.ts';

/** What both sides sign where operators have agreed on a realm. */
export interface SyncClaim {
  readonly method: string;
  /** Of the object, quoted. */
  readonly path: string;
  /** `X-Timestamp`. */
  readonly timestamp: string;
  readonly nonce: string;
}

export const syncSignature = (
  { method, path, timestamp, nonce }: SyncClaim,
  realmKey: string,
  containerKey: string,
): string =>
  createHmac('sha1', realmKey)
    .update([method, path, timestamp, nonce, containerKey].join('\n'))
    .digest('hex');

const realmOf = ({ settings }: ObjectWorld, name: string): SyncRealm | undefined =>
  settings.swift.syncRealms.find((realm) => realm.name === name.toUpperCase());

const isSame = (a: string, b: string): boolean => {
  const [one, other] = [Buffer.from(a), Buffer.from(b)];
  return one.length === other.length && timingSafeEqual(one, other);
};

/** Whether the request comes from the container's peer: it may then do with its objects whatever it likes. */
export function isSyncPeer(
  world: ObjectWorld,
  request: SwiftRequest,
  container: Container | null,
): boolean {
  const { headers, method, version, account, container: name, object } = request;
  const key = container === null ? '' : (followOf(container).key ?? '');
  const auth = headers['x-container-sync-auth'];
  const timestamp = headers['x-timestamp'];
  if (auth === undefined) {
    const sent = headers['x-container-sync-key'];
    return object !== null && key !== '' && timestamp !== undefined && isSame(sent ?? '', key);
  }
  const [realmName = '', nonce = '', signature = ''] = auth.split(/\s+/);
  const realm = realmOf(world, realmName);
  const path = pathOf({ account, container: name, object }, version);
  const claim = { method, path, timestamp: timestamp ?? '0', nonce };
  if (realm !== undefined && key !== '' && isSame(signature, syncSignature(claim, realm.key, key)))
    return true;
  throw refuse(
    401,
    'X-Container-Sync-Auth header not valid; contact cluster operator for support.',
    { 'www-authenticate': `SwiftContainerSync realm="${encodeURIComponent(account)}"` },
  );
}

/** When a peer's object was written there, microseconds; null: this is no peer. */
export function syncTime(
  world: ObjectWorld,
  request: SwiftRequest,
  container: Container,
): number | null {
  if (!isSyncPeer(world, request, container)) return null;
  const text = request.headers['x-timestamp'] ?? '';
  if (!/^\d{1,10}(\.\d{1,9})?$/.test(text)) throw refuse(400, 'Invalid X-Timestamp header');
  return Math.round(Number(text) * 1_000_000);
}

export interface SyncPlace {
  /** Of the container there. */
  readonly url: string;
  /** Null: the container's key alone opens it. */
  readonly realm: SyncRealm | null;
}

/** Where `X-Container-Sync-To` leads; null: nowhere that the operator allows. */
export function syncPlace(world: ObjectWorld, to: string): SyncPlace | null {
  const { syncHosts } = world.settings.swift;
  if (to.startsWith('//')) {
    const [name = '', rest = ''] = splitOnce(to.slice(2), '/');
    const [cluster = '', path = ''] = splitOnce(rest, '/');
    const realm = realmOf(world, name);
    const endpoint = realm?.clusters[cluster.toUpperCase()];
    if (realm === undefined || endpoint === undefined) return null;
    return { url: `${endpoint.replace(/\/+$/, '')}/${path}`, realm };
  }
  const host = URL.parse(to)?.hostname ?? '';
  return syncHosts.includes(host) ? { url: to.replace(/\/+$/, ''), realm: null } : null;
}
