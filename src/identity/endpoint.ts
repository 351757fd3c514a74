import { flag } from '../kernel/db.ts';
import { invalid } from '../kernel/errors.ts';
import { urlFill } from './catalog.ts';
import type { EndpointCreateWanted, EndpointUpdateWanted } from './catalog.schema.ts';
import {
  endpointGet as endpointRead,
  endpointInsert,
  endpointList as endpointListRead,
  endpointRemove,
  endpointUpdate as endpointUpdateRow,
  regionGet,
  regionInsert,
  serviceGet,
} from './catalog.store.ts';
import { expecting, missing } from './failure.ts';
import { directoryWrite } from './generation.ts';
import type { EndpointRow, Tx } from './identity.tables.ts';
import type { IdentityContext } from './identity.world.ts';
import { listingOf, pageOf, type Page } from './listing.ts';
import { extraOf } from './reply.ts';

const knownAttributes = ['interface', 'service_id', 'url', 'region_id', 'region', 'enabled'];

function urlCheck(url: string): void {
  if (urlFill(url, { projectId: 'x', userId: 'x' }) !== null && !/[$%]\([^)]*\)(?!s)/.test(url)) {
    return;
  }
  throw invalid(`Cannot create an endpoint with an invalid URL: ${url}.`);
}

/** `region` is the old word: a region that it names is made, one that `region_id` names must be there. */
async function regionOf(
  tx: Tx,
  { region_id: id, region: oldName }: EndpointUpdateWanted,
  held: string | null,
): Promise<string | null> {
  if (id != null) {
    if ((await regionGet(tx, id)) === null) throw expecting('endpoint region_id', 'region table');
    return id;
  }
  if (oldName != null) {
    const region = { id: oldName, description: '', parent_region_id: null, extra: '{}' };
    if ((await regionGet(tx, oldName)) === null) await regionInsert(tx, region);
    return oldName;
  }
  return id === null ? null : held;
}

async function serviceCheck(tx: Tx, id: string): Promise<void> {
  if ((await serviceGet(tx, id)) === null) throw expecting('endpoint service_id', 'service table');
}

export async function endpointCreate(
  context: IdentityContext,
  wanted: EndpointCreateWanted,
): Promise<EndpointRow> {
  context.authorize('identity:create_endpoint');
  urlCheck(wanted.url);
  const id = context.ids.hex();
  return await directoryWrite(context.world, async (tx) => {
    await serviceCheck(tx, wanted.service_id);
    const endpoint: EndpointRow = {
      id,
      service_id: wanted.service_id,
      interface: wanted.interface,
      region_id: await regionOf(tx, wanted, null),
      url: wanted.url,
      enabled: flag(wanted.enabled ?? true),
      extra: JSON.stringify(extraOf(wanted, knownAttributes)),
    };
    await endpointInsert(tx, endpoint);
    return endpoint;
  });
}

export async function endpointGet(context: IdentityContext, id: string): Promise<EndpointRow> {
  context.authorize('identity:get_endpoint');
  const endpoint = await context.world.db.read((tx) => endpointRead(tx, id));
  if (endpoint === null) throw missing('endpoint', id);
  return endpoint;
}

export async function endpointList(
  context: IdentityContext,
  query: URLSearchParams,
): Promise<Page<EndpointRow>> {
  context.authorize('identity:list_endpoints');
  const listing = listingOf(query, { interface: 'text', service_id: 'text', region_id: 'text' });
  return pageOf(await context.world.db.read((tx) => endpointListRead(tx, listing)), listing);
}

export async function endpointUpdate(
  context: IdentityContext,
  id: string,
  wanted: EndpointUpdateWanted,
): Promise<EndpointRow> {
  context.authorize('identity:update_endpoint');
  const { id: bodyId } = wanted as { readonly id?: unknown };
  if (bodyId !== undefined && bodyId !== id) throw invalid('Cannot change endpoint ID');
  if (wanted.url !== undefined) urlCheck(wanted.url);
  return await directoryWrite(context.world, async (tx) => {
    const held = await endpointRead(tx, id);
    if (held === null) throw missing('endpoint', id);
    if (wanted.service_id !== undefined) await serviceCheck(tx, wanted.service_id);
    const extra = { ...(JSON.parse(held.extra) as object), ...extraOf(wanted, knownAttributes) };
    const next: EndpointRow = {
      id,
      service_id: wanted.service_id ?? held.service_id,
      interface: wanted.interface ?? held.interface,
      region_id: await regionOf(tx, wanted, held.region_id),
      url: wanted.url ?? held.url,
      enabled: wanted.enabled === undefined ? held.enabled : flag(wanted.enabled),
      extra: JSON.stringify(extra),
    };
    await endpointUpdateRow(tx, next);
    return next;
  });
}

export async function endpointDelete(context: IdentityContext, id: string): Promise<void> {
  context.authorize('identity:delete_endpoint');
  await directoryWrite(context.world, async (tx) => {
    if ((await endpointRead(tx, id)) === null) throw missing('endpoint', id);
    await endpointRemove(tx, id);
  });
}
