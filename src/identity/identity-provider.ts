import { invalid } from '../kernel/errors.ts';
import { membershipsRenew } from './federated-user.store.ts';
import { missing } from './failure.ts';
import type { IdentityProvider } from './federation.model.ts';
import type { ProviderCreateWanted, ProviderUpdateWanted } from './federation.schema.ts';
import {
  federationRemove,
  providerGet as providerRead,
  providerInsert,
  providerList as providerListRead,
  providerUpdate as providerUpdateRow,
} from './federation.store.ts';
import { directoryWrite } from './generation.ts';
import type { Tx } from './identity.tables.ts';
import type { IdentityContext } from './identity.world.ts';
import { listingOf, pageOf, type Page } from './listing.ts';
import { domainNew } from './project.model.ts';
import { projectGet, projectInsert } from './project.store.ts';

/** Ids of federation are chosen by whoever makes a thing. */
export function chosenIdCheck(id: string): void {
  if (id.length > 64) throw invalid(`Invalid input for field/attribute id: ${id} is too long.`);
}

/** Without a domain it gets one of its own, so that nobody there is mistaken for somebody here. */
export async function providerCreate(
  context: IdentityContext,
  id: string,
  wanted: ProviderCreateWanted,
): Promise<IdentityProvider> {
  context.authorize('identity:create_identity_provider');
  chosenIdCheck(id);
  const provider: IdentityProvider = {
    id,
    domainId: wanted.domain_id ?? context.ids.hex(),
    isEnabled: wanted.enabled ?? false,
    description: wanted.description ?? null,
    remoteIds: (wanted.remote_ids ?? []).toSorted(),
    authorizationTtlMinutes: wanted.authorization_ttl ?? null,
  };
  const { domainId } = provider;
  await directoryWrite(context.world, async (tx) => {
    if (wanted.domain_id == null) await domainMake(tx, domainId, id);
    else if ((await projectGet(tx, domainId))?.isDomain !== true) {
      throw missing('domain', domainId);
    }
    await providerInsert(tx, provider);
  });
  return provider;
}

const domainMake = (tx: Tx, id: string, providerId: string): Promise<void> =>
  projectInsert(
    tx,
    domainNew({
      id,
      name: id,
      description: `Auto generated federated domain for Identity Provider: ${providerId}`,
    }),
  );

export async function providerGet(context: IdentityContext, id: string): Promise<IdentityProvider> {
  context.authorize('identity:get_identity_provider');
  return await context.world.db.read((tx) => providerNeed(tx, id));
}

export async function providerNeed(tx: Tx, id: string): Promise<IdentityProvider> {
  const found = await providerRead(tx, id);
  if (found === null) throw missing('Identity Provider', id);
  return found;
}

export async function providerList(
  context: IdentityContext,
  query: URLSearchParams,
): Promise<Page<IdentityProvider>> {
  context.authorize('identity:list_identity_providers');
  const listing = listingOf(query, { id: 'text', enabled: 'flag' });
  return pageOf(await context.world.db.read((tx) => providerListRead(tx, listing)), listing);
}

export async function providerUpdate(
  context: IdentityContext,
  id: string,
  wanted: ProviderUpdateWanted,
): Promise<IdentityProvider> {
  context.authorize('identity:update_identity_provider');
  return await directoryWrite(context.world, async (tx) => {
    const held = await providerNeed(tx, id);
    const next: IdentityProvider = {
      ...held,
      isEnabled: wanted.enabled ?? held.isEnabled,
      description: wanted.description === undefined ? held.description : wanted.description,
      remoteIds:
        wanted.remote_ids === undefined ? held.remoteIds : (wanted.remote_ids ?? []).toSorted(),
      authorizationTtlMinutes:
        wanted.authorization_ttl === undefined
          ? held.authorizationTtlMinutes
          : wanted.authorization_ttl,
    };
    await providerUpdateRow(tx, next);
    await membershipsRenew(tx, next);
    return next;
  });
}

/** Its protocols go with it, and whatever tokens rest on it. The users stay, and nobody can log in as them. */
export async function providerDelete(context: IdentityContext, id: string): Promise<void> {
  context.authorize('identity:delete_identity_provider');
  await directoryWrite(context.world, async (tx) => {
    if (!(await federationRemove(tx, 'identity_provider', id))) {
      throw missing('Identity Provider', id);
    }
  });
}
