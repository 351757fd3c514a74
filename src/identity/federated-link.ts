import { forbidden, invalid } from '../kernel/errors.ts';
import { federatedIdInsert, federatedIdsOf, federatedIdsRemove } from './federated-user.store.ts';
import type { FederatedId } from './federation.model.ts';
import { protocolGet, providerGet } from './federation.store.ts';
import type { Tx } from './identity.tables.ts';
import type { IdentityContext } from './identity.world.ts';
import type { User } from './user.model.ts';
import type { FederatedWanted } from './user.schema.ts';

/**
 * Says as whom a provider knows a user, instead of what it knew before. Whoever comes from a provider of another domain is not
 * for the manager of this one to give away.
 */
export async function federatedLinksSet(
  tx: Tx,
  context: IdentityContext,
  user: User,
  wanted: FederatedWanted,
): Promise<void> {
  await federatedIdsRemove(tx, user.id);
  for (const { idp_id: idpId, protocols } of wanted) {
    const provider = await providerGet(tx, idpId);
    if (provider === null) throw invalid(`Could not find Identity Provider: ${idpId}`);
    const isOwn = provider.domainId === user.domainId;
    if (!isOwn && !context.allows('identity:update_identity_provider')) {
      throw forbidden(
        'You are not authorized to perform the requested action: the identity provider is of another domain.',
      );
    }
    for (const { protocol_id: protocolId, unique_id: uniqueId } of protocols) {
      if ((await protocolGet(tx, { idpId, id: protocolId })) === null) {
        throw invalid(
          `Could not find federated protocol ${protocolId} for Identity Provider: ${idpId}.`,
        );
      }
      await federatedIdInsert(tx, user.id, { idpId, protocolId, uniqueId });
    }
  }
}

/** `federated` of a user; nothing for one who comes from no provider. */
export async function federatedView(
  { world }: IdentityContext,
  userId: string,
): Promise<{ federated?: FederatedWanted }> {
  const found = await world.db.read((tx) => federatedIdsOf(tx, [userId]));
  const ids = found.get(userId);
  if (ids === undefined) return {};
  const federated = [...Map.groupBy(ids, ({ idpId }) => idpId)].map(([idpId, of]) => ({
    idp_id: idpId,
    protocols: of.map(protocolView),
  }));
  return { federated };
}

const protocolView = ({ protocolId, uniqueId }: FederatedId) => ({
  protocol_id: protocolId,
  unique_id: uniqueId,
});
