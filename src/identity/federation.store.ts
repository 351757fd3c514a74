import { flag } from '../kernel/db.ts';
import type { IdentityProvider, Mapping, Protocol, ServiceProvider } from './federation.model.ts';
import type {
  IdentityProviderRow,
  IdentityTables,
  ProtocolRow,
  ServiceProviderRow,
  Tx,
} from './identity.tables.ts';
import { listingApply, type Listing } from './listing.ts';
import type { MappingRule } from './mapping.schema.ts';
import { uniqueStore } from './unique.ts';

const providerOf = (row: IdentityProviderRow, remoteIds: readonly string[]): IdentityProvider => ({
  id: row.id,
  domainId: row.domain_id,
  isEnabled: row.enabled === 1,
  description: row.description,
  remoteIds,
  authorizationTtlMinutes: row.authorization_ttl,
});

const providerRowOf = (provider: IdentityProvider): IdentityProviderRow => ({
  id: provider.id,
  domain_id: provider.domainId,
  enabled: flag(provider.isEnabled),
  description: provider.description,
  authorization_ttl: provider.authorizationTtlMinutes,
});

export async function providerGet(tx: Tx, id: string): Promise<IdentityProvider | null> {
  const [found] = await providersRead(
    tx,
    await tx.selectFrom('identity_provider').selectAll().where('id', '=', id).execute(),
  );
  return found ?? null;
}

export async function providerList(tx: Tx, listing: Listing): Promise<IdentityProvider[]> {
  const query = tx.selectFrom('identity_provider').selectAll();
  return await providersRead(tx, await listingApply(query, listing).execute());
}

async function providersRead(
  tx: Tx,
  rows: readonly IdentityProviderRow[],
): Promise<IdentityProvider[]> {
  if (rows.length === 0) return [];
  const remotes = await tx
    .selectFrom('identity_provider_remote_id')
    .selectAll()
    .where('idp_id', 'in', (eb) => eb.selectFrom('identity_provider').select('id'))
    .orderBy('remote_id')
    .execute();
  const byProvider = Map.groupBy(remotes, ({ idp_id }) => idp_id);
  return rows.map((row) =>
    providerOf(
      row,
      (byProvider.get(row.id) ?? []).map(({ remote_id }) => remote_id),
    ),
  );
}

export async function providerInsert(tx: Tx, provider: IdentityProvider): Promise<void> {
  const what = 'identity_provider';
  const insert = tx.insertInto(what).values(providerRowOf(provider));
  await uniqueStore(insert, `${what} - Duplicate entry: ${provider.id}`);
  await remoteIdsInsert(tx, provider);
}

export async function providerUpdate(tx: Tx, provider: IdentityProvider): Promise<void> {
  const { id, ...changes } = providerRowOf(provider);
  await tx.updateTable('identity_provider').set(changes).where('id', '=', id).execute();
  await tx.deleteFrom('identity_provider_remote_id').where('idp_id', '=', id).execute();
  await remoteIdsInsert(tx, provider);
}

async function remoteIdsInsert(tx: Tx, { id, remoteIds }: IdentityProvider): Promise<void> {
  for (const remoteId of remoteIds) {
    await uniqueStore(
      tx.insertInto('identity_provider_remote_id').values({ idp_id: id, remote_id: remoteId }),
      `identity_provider - Duplicate remote ID: ${remoteId}`,
    );
  }
}

const protocolOf = (row: ProtocolRow): Protocol => ({
  idpId: row.idp_id,
  id: row.id,
  mappingId: row.mapping_id,
  remoteIdAttribute: row.remote_id_attribute,
});

const protocolRowOf = (protocol: Protocol): ProtocolRow => ({
  idp_id: protocol.idpId,
  id: protocol.id,
  mapping_id: protocol.mappingId,
  remote_id_attribute: protocol.remoteIdAttribute,
});

export async function protocolGet(
  tx: Tx,
  { idpId, id }: Pick<Protocol, 'idpId' | 'id'>,
): Promise<Protocol | null> {
  const row = await tx
    .selectFrom('identity_protocol')
    .selectAll()
    .where('idp_id', '=', idpId)
    .where('id', '=', id)
    .executeTakeFirst();
  return row === undefined ? null : protocolOf(row);
}

export async function protocolList(tx: Tx, idpId: string): Promise<Protocol[]> {
  const rows = await tx
    .selectFrom('identity_protocol')
    .selectAll()
    .where('idp_id', '=', idpId)
    .orderBy('id')
    .execute();
  return rows.map(protocolOf);
}

/** Enabled identity providers that have a protocol of this id. */
export async function providerIdsOf(tx: Tx, protocolId: string): Promise<string[]> {
  const rows = await tx
    .selectFrom('identity_protocol as q')
    .innerJoin('identity_provider as p', 'p.id', 'q.idp_id')
    .select('p.id')
    .where('q.id', '=', protocolId)
    .where('p.enabled', '=', 1)
    .orderBy('p.id')
    .execute();
  return rows.map(({ id }) => id);
}

export async function protocolInsert(tx: Tx, protocol: Protocol): Promise<void> {
  await uniqueStore(
    tx.insertInto('identity_protocol').values(protocolRowOf(protocol)),
    `federation_protocol - Duplicate entry with ID ${protocol.id}`,
  );
}

export async function protocolUpdate(tx: Tx, protocol: Protocol): Promise<void> {
  const { idp_id, id, ...changes } = protocolRowOf(protocol);
  await tx
    .updateTable('identity_protocol')
    .set(changes)
    .where('idp_id', '=', idp_id)
    .where('id', '=', id)
    .execute();
}

export async function protocolRemove(
  tx: Tx,
  { idpId, id }: Pick<Protocol, 'idpId' | 'id'>,
): Promise<void> {
  await tx
    .deleteFrom('identity_protocol')
    .where('idp_id', '=', idpId)
    .where('id', '=', id)
    .execute();
}

const mappingOf = ({ id, rules }: { id: string; rules: string }): Mapping => ({
  id,
  rules: JSON.parse(rules) as MappingRule[],
});

export async function mappingGet(tx: Tx, id: string): Promise<Mapping | null> {
  const row = await tx
    .selectFrom('identity_mapping')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirst();
  return row === undefined ? null : mappingOf(row);
}

export async function mappingList(tx: Tx): Promise<Mapping[]> {
  const rows = await tx.selectFrom('identity_mapping').selectAll().orderBy('id').execute();
  return rows.map(mappingOf);
}

export async function mappingInsert(tx: Tx, { id, rules }: Mapping): Promise<void> {
  await uniqueStore(
    tx.insertInto('identity_mapping').values({ id, rules: JSON.stringify(rules) }),
    `mapping - Duplicate entry with ID ${id}`,
  );
}

export async function mappingUpdate(tx: Tx, { id, rules }: Mapping): Promise<void> {
  await tx
    .updateTable('identity_mapping')
    .set({ rules: JSON.stringify(rules) })
    .where('id', '=', id)
    .execute();
}

const serviceProviderOf = (row: ServiceProviderRow): ServiceProvider => ({
  id: row.id,
  isEnabled: row.enabled === 1,
  description: row.description,
  authUrl: row.auth_url,
  spUrl: row.sp_url,
  relayStatePrefix: row.relay_state_prefix,
});

const serviceProviderRowOf = (provider: ServiceProvider): ServiceProviderRow => ({
  id: provider.id,
  enabled: flag(provider.isEnabled),
  description: provider.description,
  auth_url: provider.authUrl,
  sp_url: provider.spUrl,
  relay_state_prefix: provider.relayStatePrefix,
});

export async function serviceProviderGet(tx: Tx, id: string): Promise<ServiceProvider | null> {
  const row = await tx
    .selectFrom('identity_service_provider')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirst();
  return row === undefined ? null : serviceProviderOf(row);
}

export async function serviceProviderList(tx: Tx, listing: Listing): Promise<ServiceProvider[]> {
  const query = tx.selectFrom('identity_service_provider').selectAll();
  const rows = await listingApply(query, listing).execute();
  return rows.map(serviceProviderOf);
}

export async function serviceProviderInsert(tx: Tx, provider: ServiceProvider): Promise<void> {
  await uniqueStore(
    tx.insertInto('identity_service_provider').values(serviceProviderRowOf(provider)),
    `service_provider - Duplicate entry with ID ${provider.id}`,
  );
}

export async function serviceProviderUpdate(tx: Tx, provider: ServiceProvider): Promise<void> {
  const { id, ...changes } = serviceProviderRowOf(provider);
  await tx.updateTable('identity_service_provider').set(changes).where('id', '=', id).execute();
}

type Removable = 'identity_provider' | 'identity_mapping' | 'identity_service_provider';

/** False: there is none. */
export async function federationRemove(
  tx: Tx,
  table: Removable & keyof IdentityTables,
  id: string,
): Promise<boolean> {
  const { numDeletedRows } = await tx.deleteFrom(table).where('id', '=', id).executeTakeFirst();
  return numDeletedRows > 0n;
}
