import { containerGet } from '../container.ts';
import type { Container } from '../container.model.ts';
import type { ObjectWorld } from '../object.world.ts';
import type { Access, Grant } from './authority.model.ts';
import { refuse, type Refusal } from './swift.reply.ts';
import { pathQuote, type Place } from './place.ts';
import { isSyncPeer } from './sync.ts';
import type { SwiftRequest } from './swift.request.ts';

/** Told to log in, or sent away. */
export const deny = ({ authority }: SwiftRequest, account: string): Refusal =>
  authority.isAnonymous
    ? refuse(401, null, { 'www-authenticate': `Swift realm="${pathQuote(account)}"` })
    : refuse(403);

/** For what is asked of the account itself. */
export async function accountAllow(request: SwiftRequest, method: string): Promise<Grant> {
  const { account, headers } = request;
  const place = { account, container: null, object: null };
  const grant = await request.authority.grant({ method, place, acl: null, headers });
  if (grant === 'denied') throw deny(request, account);
  return grant;
}

export interface Wish {
  readonly place: Place;
  readonly method: string;
  /** Which of the container's ACLs may open it; null: neither, only the owner. */
  readonly acl: 'swift:read' | 'swift:write' | null;
}

export interface Granted {
  readonly container: Container | null;
  readonly grant: Grant;
}

/** Says no as the ACLs of the container demand; the container may be missing. */
export async function containerAllow(
  world: ObjectWorld,
  request: SwiftRequest,
  { place, method, acl }: Wish,
): Promise<Granted> {
  const container =
    place.container === null ? null : await containerGet(world, place.account, place.container);
  if (isSyncPeer(world, request, container)) return { container, grant: 'allowed' };
  const text = acl === null ? null : (container?.documents[acl] ?? null);
  const access: Access = {
    method,
    place,
    acl: typeof text === 'string' ? text : null,
    headers: request.headers,
  };
  const grant = await request.authority.grant(access);
  if (grant === 'denied') throw deny(request, place.account);
  return { container, grant };
}

/** As `containerAllow`, for what needs the container. */
export async function containerNeed(
  world: ObjectWorld,
  request: SwiftRequest,
  wish: Wish,
): Promise<{ readonly container: Container; readonly grant: Grant }> {
  const { container, grant } = await containerAllow(world, request, wish);
  if (container === null) throw refuse(404);
  return { container, grant };
}
