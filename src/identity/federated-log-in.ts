import { forbidden, unavailable } from '../kernel/errors.ts';
import { unauthenticated } from './auth-failure.ts';
import { activeCheck, plainProof, userFind, type Identified } from './auth-method.ts';
import { federatedUserEnsure } from './federated-user.ts';
import { protocolNeed } from './federation-protocol.ts';
import type { IdentityProvider, Mapping, Protocol } from './federation.model.ts';
import { providerNeed } from './identity-provider.ts';
import type { IdentityWorld } from './identity.world.ts';
import { federatedLogInSettle } from './log-in.ts';
import { mappingApply, type Attributes, type Mapped } from './mapping-rules.ts';
import { mappingNeed } from './mapping.ts';
import { attributesOf } from './oidc-attributes.ts';
import { OidcUnavailable, type OidcProvider } from './oidc.model.ts';
import type { AuthMethod } from './token.model.ts';
import type { UserAccount } from './user.model.ts';

/** Tokens of providers are longer than ours; more than this is no token. */
const tokenLengthMax = 12_288;
const defaultRemoteIdAttribute = 'HTTP_OIDC_ISS';

interface Way {
  readonly provider: IdentityProvider;
  readonly protocol: Protocol;
  readonly mapping: Mapping;
}

/** Somebody comes with a token of an identity provider: what it says of him, read by the mapping, is who he is here. */
export async function federatedIdentify(
  world: IdentityWorld,
  named: { readonly idpId: string; readonly protocolId: string },
  authorization: string | undefined,
): Promise<Identified> {
  const way = await wayRead(world, named);
  const token = /^Bearer +([\w.~+/-]+=*) *$/i.exec(authorization ?? '')?.[1];
  if (token === undefined) throw unauthenticated('no bearer token came with the request');
  if (token.length > tokenLengthMax) throw unauthenticated('the bearer token is too long');
  const attributes = await attributesRead(world, way.provider, token);
  remoteIdCheck(way, attributes);
  const mapped = mappingApply(way.mapping.rules, attributes);
  const method: AuthMethod = way.protocol.id === 'openid' ? 'openid' : 'mapped';
  if (mapped.user.type === 'local') {
    return identified(world, await localUser(world, mapped), { method, assertionId: null });
  }
  const [remoteUser] = attributes.get('REMOTE_USER') ?? [];
  const { user, assertionId } = await federatedUserEnsure(world, way, { mapped, remoteUser });
  await activeCheck(world, user);
  await federatedLogInSettle(world, user);
  return identified(world, user, { method, assertionId });
}

const identified = (
  { clock, settings }: IdentityWorld,
  user: UserAccount,
  { method, assertionId }: { readonly method: AuthMethod; readonly assertionId: string | null },
): Identified => ({
  user,
  methods: [method],
  expiresAtMs: clock.now() + settings.tokenLifeMs,
  ...plainProof,
  assertionId,
});

async function wayRead(
  { db }: IdentityWorld,
  { idpId, protocolId }: { readonly idpId: string; readonly protocolId: string },
): Promise<Way> {
  return await db.read(async (tx) => {
    const provider = await providerNeed(tx, idpId);
    if (!provider.isEnabled) throw forbidden(`Identity Provider ${idpId} is disabled`);
    const protocol = await protocolNeed(tx, { idpId, id: protocolId });
    return { provider, protocol, mapping: await mappingNeed(tx, protocol.mappingId) };
  });
}

async function attributesRead(
  { oidc }: IdentityWorld,
  provider: IdentityProvider,
  token: string,
): Promise<Attributes> {
  const candidates = oidcProviders(oidc, provider, issuerOf(token));
  let why = 'the token is of no OpenID provider that is configured for this identity provider';
  for (const candidate of candidates) {
    const answer = await candidate.tokenRead(token).catch((error: unknown) => {
      if (!(error instanceof OidcUnavailable)) throw error;
      throw unavailable('The identity provider cannot be asked at the moment.', {
        detail: { why: error.message, issuer: candidate.issuer },
        cause: error,
      });
    });
    if ('claims' in answer) return attributesOf(answer.claims, candidate.remoteUserClaim);
    ({ why } = answer);
  }
  throw unauthenticated(why);
}

/**
 * Those whose issuer is a remote id of the identity provider; without remote ids, the one that has its name. A token that
 * names its issuer is shown to no other.
 */
function oidcProviders(
  configured: IdentityWorld['oidc'],
  { id, remoteIds }: IdentityProvider,
  issuer: string | null,
): OidcProvider[] {
  const own = configured.get(id);
  const allowed =
    remoteIds.length > 0
      ? [...configured.values()].filter((one) => remoteIds.includes(one.issuer))
      : own === undefined
        ? []
        : [own];
  return allowed.filter((one) => (issuer === null ? one.isAsked : one.issuer === issuer));
}

/** What the token says of itself, believed by nobody; null: it is opaque. */
function issuerOf(token: string): string | null {
  const [, payload, ...rest] = token.split('.');
  if (payload === undefined || rest.length !== 1) return null;
  try {
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as unknown;
    const issuer = (claims as { readonly iss?: unknown } | null)?.iss;
    return typeof issuer === 'string' ? issuer : null;
  } catch {
    return null;
  }
}

/** The protocol may name another attribute than the issuer. */
function remoteIdCheck({ provider, protocol }: Way, attributes: Attributes): void {
  if (provider.remoteIds.length === 0) return;
  const [value] = attributes.get(protocol.remoteIdAttribute ?? defaultRemoteIdAttribute) ?? [];
  if (value === undefined) {
    throw unauthenticated('the token has nothing that names its identity provider');
  }
  if (provider.remoteIds.includes(value)) return;
  throw forbidden(
    'Incoming identity provider identifier not included among the accepted identifiers.',
  );
}

/** The mapping says that it is a user of this cloud: then nothing else of it counts. */
async function localUser(world: IdentityWorld, { user: wanted }: Mapped): Promise<UserAccount> {
  const { id, name, domain } = wanted;
  const byName =
    name === undefined || domain === undefined || Object.keys(domain).length === 0
      ? null
      : { name, domain };
  const named = id === undefined ? byName : { id };
  if (named === null) {
    throw unauthenticated('the mapping names a local user without an id, or a name and a domain');
  }
  const user = await userFind(world, named, 'mapped');
  if (user === null) throw unauthenticated('the mapping names a local user who is not there');
  await activeCheck(world, user);
  return user;
}
