import { forbidden, unavailable } from '../kernel/errors.ts';
import { protocolNeed, type ProtocolNamed } from './federation-protocol.ts';
import type { IdentityProvider, Mapping, Protocol } from './federation.model.ts';
import { providerNeed } from './identity-provider.ts';
import type { IdentityWorld } from './identity.world.ts';
import { mappingNeed } from './mapping.ts';
import { OidcUnavailable, type OidcProvider } from './oidc.model.ts';

/** How people of a provider come here. */
export interface Way {
  readonly provider: IdentityProvider;
  readonly protocol: Protocol;
  readonly mapping: Mapping;
}

export async function wayRead({ db }: IdentityWorld, named: ProtocolNamed): Promise<Way> {
  return await db.read(async (tx) => {
    const provider = await providerNeed(tx, named.idpId);
    if (!provider.isEnabled) throw forbidden(`Identity Provider ${named.idpId} is disabled`);
    const protocol = await protocolNeed(tx, named);
    return { provider, protocol, mapping: await mappingNeed(tx, protocol.mappingId) };
  });
}

/** Those whose issuer is a remote id of the identity provider; without remote ids, the one that has its name. */
export function oidcProvidersOf(
  { oidc }: IdentityWorld,
  { id, remoteIds }: IdentityProvider,
): OidcProvider[] {
  if (remoteIds.length > 0) {
    return [...oidc.values()].filter(({ issuer }) => remoteIds.includes(issuer));
  }
  const own = oidc.get(id);
  return own === undefined ? [] : [own];
}

/** What a provider answers; that it cannot be asked is no fault of who comes from there. */
export async function answerOf<Answer>(
  { issuer }: OidcProvider,
  answer: Promise<Answer>,
): Promise<Answer> {
  return await answer.catch((error: unknown) => {
    if (!(error instanceof OidcUnavailable)) throw error;
    throw unavailable('The identity provider cannot be asked at the moment.', {
      detail: { why: error.message, issuer },
      cause: error,
    });
  });
}
