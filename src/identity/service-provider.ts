import { missing } from './failure.ts';
import type { ServiceProvider } from './federation.model.ts';
import type {
  ServiceProviderCreateWanted,
  ServiceProviderUpdateWanted,
} from './federation.schema.ts';
import {
  federationRemove,
  serviceProviderGet as serviceProviderRead,
  serviceProviderInsert,
  serviceProviderList as serviceProviderListRead,
  serviceProviderUpdate as serviceProviderUpdateRow,
} from './federation.store.ts';
import type { IdentityContext } from './identity.world.ts';
import { chosenIdCheck } from './identity-provider.ts';
import { listingOf, pageOf, type Page } from './listing.ts';

/** What Keystone puts there. */
const relayStatePrefix = 'ss:mem:';

export async function serviceProviderCreate(
  context: IdentityContext,
  id: string,
  wanted: ServiceProviderCreateWanted,
): Promise<ServiceProvider> {
  context.authorize('identity:create_service_provider');
  chosenIdCheck(id);
  const provider: ServiceProvider = {
    id,
    isEnabled: wanted.enabled ?? false,
    description: wanted.description ?? null,
    authUrl: wanted.auth_url,
    spUrl: wanted.sp_url,
    relayStatePrefix: wanted.relay_state_prefix ?? relayStatePrefix,
  };
  await context.world.db.write((tx) => serviceProviderInsert(tx, provider));
  return provider;
}

export async function serviceProviderGet(
  context: IdentityContext,
  id: string,
): Promise<ServiceProvider> {
  context.authorize('identity:get_service_provider');
  const found = await context.world.db.read((tx) => serviceProviderRead(tx, id));
  if (found === null) throw missing('Service Provider', id);
  return found;
}

export async function serviceProviderList(
  context: IdentityContext,
  query: URLSearchParams,
): Promise<Page<ServiceProvider>> {
  context.authorize('identity:list_service_providers');
  const listing = listingOf(query, { id: 'text', enabled: 'flag' });
  return pageOf(await context.world.db.read((tx) => serviceProviderListRead(tx, listing)), listing);
}

export async function serviceProviderUpdate(
  context: IdentityContext,
  id: string,
  wanted: ServiceProviderUpdateWanted,
): Promise<ServiceProvider> {
  context.authorize('identity:update_service_provider');
  return await context.world.db.write(async (tx) => {
    const held = await serviceProviderRead(tx, id);
    if (held === null) throw missing('Service Provider', id);
    const next: ServiceProvider = {
      id,
      isEnabled: wanted.enabled ?? held.isEnabled,
      description: wanted.description === undefined ? held.description : wanted.description,
      authUrl: wanted.auth_url ?? held.authUrl,
      spUrl: wanted.sp_url ?? held.spUrl,
      relayStatePrefix: wanted.relay_state_prefix ?? held.relayStatePrefix,
    };
    await serviceProviderUpdateRow(tx, next);
    return next;
  });
}

export async function serviceProviderDelete(context: IdentityContext, id: string): Promise<void> {
  context.authorize('identity:delete_service_provider');
  await context.world.db.write(async (tx) => {
    if (!(await federationRemove(tx, 'identity_service_provider', id))) {
      throw missing('Service Provider', id);
    }
  });
}
