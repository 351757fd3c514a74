import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { ObjectWorld, TempauthUser } from '../object.world.ts';
import type { ServicePrefix } from './authority.ts';
import { reply, type SwiftReply } from './swift.reply.ts';
import { pathQuote, splitOnce } from './place.ts';
import type { RawRequest } from './swift.request.ts';

const tokenLifeMs = 86_400_000;

const denied = (realm: string): SwiftReply =>
  reply(401, null, { 'www-authenticate': `Swift realm="${pathQuote(realm)}"` });

/** `GET /auth/v1.0` and its older forms: a name and a key for a token. Null: not such a path. */
export function tempauthReply(world: ObjectWorld, request: RawRequest): SwiftReply | null {
  if (world.settings.tempauth.length === 0 || !request.path.startsWith('/auth/')) return null;
  if (request.method !== 'GET') return reply(405, null, { allow: 'GET' });
  const [version = '', pathAccount = '', word = ''] = request.path
    .slice('/auth/'.length)
    .split('/');
  const isLong = version === 'v1' && word === 'auth';
  if (!isLong && version !== 'v1.0' && version !== 'auth') return reply(400);
  const { headers } = request;
  const name = headers['x-auth-user'] ?? headers['x-storage-user'] ?? '';
  const key = headers['x-auth-key'] ?? headers['x-storage-pass'] ?? '';
  const parts = splitOnce(name, ':');
  const [account = '', user = ''] = parts.length === 2 ? parts : [isLong ? pathAccount : '', name];
  if (account === '' || user === '' || key === '' || (isLong && account !== pathAccount)) {
    return denied(account === '' ? 'unknown' : account);
  }
  const found = world.settings.tempauth.find((one) => one.account === account && one.user === user);
  if (found === undefined) return denied(account);
  if (!isSame(found.key, key)) return denied('unknown');
  return tokenReply(world, found, request.hostUrl);
}

function tokenReply(world: ObjectWorld, user: TempauthUser, hostUrl: string): SwiftReply {
  const nowMs = world.clock.now();
  const token = tokenMake(world, user, nowMs + tokenLifeMs);
  return {
    status: 200,
    headers: {
      'content-type': 'text/html; charset=UTF-8',
      'x-auth-token': token,
      'x-storage-token': token,
      'x-auth-token-expires': String(tokenLifeMs / 1000),
      'x-storage-url': `${hostUrl}/v1/${world.settings.resellerPrefix}${pathQuote(user.account)}`,
    },
    body: '',
  };
}

/** Signed with the store's secret, so that every worker knows it and none has to remember it. */
function tokenMake(world: ObjectWorld, { account, user }: TempauthUser, untilMs: number): string {
  const claim = Buffer.from(JSON.stringify([`${account}:${user}`, untilMs])).toString('base64url');
  return `${world.settings.resellerPrefix}tk${claim}.${sign(world, claim)}`;
}

const sign = ({ settings }: ObjectWorld, claim: string): string =>
  createHmac('sha256', settings.secret).update(`tempauth ${claim}`).digest('base64url');

/** The groups of a token's user; null: the token is worth nothing. */
export function tokenGroups(
  world: ObjectWorld,
  token: string,
  servicePrefixes: readonly ServicePrefix[],
): readonly string[] | null {
  const head = `${world.settings.resellerPrefix}tk`;
  if (!token.startsWith(head)) return null;
  const [claim = '', signature = ''] = splitOnce(token.slice(head.length), '.');
  if (!isSame(sign(world, claim), signature)) return null;
  const [name, untilMs] = JSON.parse(Buffer.from(claim, 'base64url').toString()) as [
    string,
    number,
  ];
  if (untilMs < world.clock.now()) return null;
  const user = world.settings.tempauth.find((one) => `${one.account}:${one.user}` === name);
  return user === undefined ? null : groupsOf(world, user, servicePrefixes);
}

function groupsOf(
  world: ObjectWorld,
  { account, user, groups }: TempauthUser,
  servicePrefixes: readonly ServicePrefix[],
): readonly string[] {
  const named = [account, `${account}:${user}`, ...groups.filter((group) => group !== '.admin')];
  if (!groups.includes('.admin')) return named;
  const prefixes = [world.settings.resellerPrefix, ...servicePrefixes.map(({ prefix }) => prefix)];
  return [...named, ...prefixes.map((prefix) => prefix + account)];
}

/** In a time that tells nothing of the place where they differ. */
export function isSame(a: string, b: string): boolean {
  const [left, right] = [a, b].map((text) => createHash('sha256').update(text).digest());
  return left !== undefined && right !== undefined && timingSafeEqual(left, right);
}
