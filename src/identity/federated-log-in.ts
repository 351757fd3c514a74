import { forbidden } from '../kernel/errors.ts';
import { unauthenticated } from './auth-failure.ts';
import { activeCheck, plainProof, userFind, type Identified } from './auth-method.ts';
import { assertionGet, assertionIdOf, assertionPut } from './federated-user.store.ts';
import { federatedUserEnsure } from './federated-user.ts';
import { wayRead, type Way } from './federated-way.ts';
import type { ProtocolNamed } from './federation-protocol.ts';
import type { IdentityWorld } from './identity.world.ts';
import { federatedLogInSettle } from './log-in.ts';
import { mappingApply, type Attributes, type Mapped } from './mapping-rules.ts';
import type { AuthMethod } from './token.model.ts';
import type { UserAccount } from './user.model.ts';

const defaultRemoteIdAttribute = 'HTTP_OIDC_ISS';

/** What a provider says of somebody, once it is proved that it does. */
export type Evidence = (way: Way) => Promise<Attributes>;

/** Somebody comes from an identity provider: what it says of him, read by the mapping, is who he is here. */
export async function federatedIdentify(
  world: IdentityWorld,
  named: ProtocolNamed,
  evidence: Evidence,
): Promise<Identified> {
  const way = await wayRead(world, named);
  const attributes = await evidence(way);
  const remoteId = remoteIdOf(way, attributes);
  const mapped = mappingApply(way.mapping.rules, attributes);
  const method: AuthMethod = way.protocol.id === 'openid' ? 'openid' : 'mapped';
  if (mapped.user.type === 'local') {
    const user = await localUser(world, mapped);
    const { idpId, id: protocolId } = way.protocol;
    const said = { idpId, protocolId, groupIds: null, remoteId };
    const assertionId = assertionIdOf(said);
    const isKnown = (await world.db.read((tx) => assertionGet(tx, assertionId))) !== null;
    if (!isKnown) await world.db.write((tx) => assertionPut(tx, said));
    return identified(world, user, { method, assertionId });
  }
  const [remoteUser] = attributes.get('REMOTE_USER') ?? [];
  const { user, assertionId } = await federatedUserEnsure(world, way, {
    mapped,
    remoteUser,
    remoteId,
  });
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

/** By which of its names the provider is known, null where it has none. The protocol may name another attribute than the issuer. */
function remoteIdOf({ provider, protocol }: Way, attributes: Attributes): string | null {
  if (provider.remoteIds.length === 0) return null;
  const [value] = attributes.get(protocol.remoteIdAttribute ?? defaultRemoteIdAttribute) ?? [];
  if (value === undefined) {
    throw unauthenticated('the token has nothing that names its identity provider');
  }
  if (provider.remoteIds.includes(value)) return value;
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
