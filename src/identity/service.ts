import { invalid } from '../kernel/errors.ts';
import { flag } from '../kernel/db.ts';
import type { ServiceCreateWanted, ServiceUpdateWanted } from './catalog.schema.ts';
import {
  serviceGet as serviceRead,
  serviceInsert,
  serviceList as serviceListRead,
  serviceRemove,
  serviceUpdate as serviceUpdateRow,
} from './catalog.store.ts';
import { missing } from './failure.ts';
import { directoryWrite } from './generation.ts';
import type { ServiceRow } from './identity.tables.ts';
import type { IdentityContext } from './identity.world.ts';
import { listingOf, pageOf, type Page } from './listing.ts';
import { extraOf } from './reply.ts';

const knownAttributes = ['type', 'name', 'description', 'enabled'];

export async function serviceCreate(
  context: IdentityContext,
  wanted: ServiceCreateWanted,
): Promise<ServiceRow> {
  context.authorize('identity:create_service');
  const service: ServiceRow = {
    id: context.ids.hex(),
    type: wanted.type,
    name: wanted.name ?? '',
    description: wanted.description ?? null,
    enabled: flag(wanted.enabled ?? true),
    extra: JSON.stringify(extraOf(wanted, knownAttributes)),
  };
  await directoryWrite(context.world, (tx) => serviceInsert(tx, service));
  return service;
}

export async function serviceGet(context: IdentityContext, id: string): Promise<ServiceRow> {
  context.authorize('identity:get_service');
  const service = await context.world.db.read((tx) => serviceRead(tx, id));
  if (service === null) throw missing('service', id);
  return service;
}

export async function serviceList(
  context: IdentityContext,
  query: URLSearchParams,
): Promise<Page<ServiceRow>> {
  context.authorize('identity:list_services');
  const listing = listingOf(query, { type: 'text', name: 'text' });
  return pageOf(await context.world.db.read((tx) => serviceListRead(tx, listing)), listing);
}

export async function serviceUpdate(
  context: IdentityContext,
  id: string,
  wanted: ServiceUpdateWanted,
): Promise<ServiceRow> {
  context.authorize('identity:update_service');
  const { id: bodyId } = wanted as { readonly id?: unknown };
  if (bodyId !== undefined && bodyId !== id) throw invalid('Cannot change service ID');
  return await directoryWrite(context.world, async (tx) => {
    const held = await serviceRead(tx, id);
    if (held === null) throw missing('service', id);
    const extra = { ...(JSON.parse(held.extra) as object), ...extraOf(wanted, knownAttributes) };
    const next: ServiceRow = {
      id,
      type: wanted.type ?? held.type,
      name: wanted.name ?? held.name,
      description: wanted.description === undefined ? held.description : wanted.description,
      enabled: wanted.enabled === undefined ? held.enabled : flag(wanted.enabled),
      extra: JSON.stringify(extra),
    };
    await serviceUpdateRow(tx, next);
    return next;
  });
}

export async function serviceDelete(context: IdentityContext, id: string): Promise<void> {
  context.authorize('identity:delete_service');
  await directoryWrite(context.world, async (tx) => {
    if ((await serviceRead(tx, id)) === null) throw missing('service', id);
    await serviceRemove(tx, id);
  });
}
