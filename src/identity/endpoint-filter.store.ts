import type { EndpointGroupRow, EndpointRow, Tx } from './identity.tables.ts';
import { listingApply, type Listing } from './listing.ts';
import type { Extra } from './project.model.ts';

/** Which endpoints a group speaks of: those that have all of these values. */
export type EndpointFilters = Readonly<
  Partial<Record<'service_id' | 'region_id' | 'interface', string>>
>;

export interface EndpointGroup {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly filters: EndpointFilters;
  readonly extra: Extra;
}

const groupOf = (row: EndpointGroupRow): EndpointGroup => ({
  ...row,
  filters: JSON.parse(row.filters) as EndpointFilters,
  extra: JSON.parse(row.extra) as Extra,
});

const rowOf = (group: EndpointGroup): EndpointGroupRow => ({
  ...group,
  filters: JSON.stringify(group.filters),
  extra: JSON.stringify(group.extra),
});

export const isInGroup = (
  endpoint: EndpointRow,
  { filters }: Pick<EndpointGroup, 'filters'>,
): boolean =>
  Object.entries(filters).every(([key, value]) => endpoint[key as keyof EndpointFilters] === value);

export async function endpointGroupGet(tx: Tx, id: string): Promise<EndpointGroup | null> {
  const row = await tx
    .selectFrom('identity_endpoint_group')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirst();
  return row === undefined ? null : groupOf(row);
}

export async function endpointGroupList(tx: Tx, listing: Listing): Promise<EndpointGroup[]> {
  const query = tx.selectFrom('identity_endpoint_group').selectAll();
  const rows = await listingApply(query, listing).execute();
  return rows.map(groupOf);
}

export async function endpointGroupInsert(tx: Tx, group: EndpointGroup): Promise<void> {
  await tx.insertInto('identity_endpoint_group').values(rowOf(group)).execute();
}

export async function endpointGroupUpdate(tx: Tx, group: EndpointGroup): Promise<void> {
  const { id, ...changes } = rowOf(group);
  await tx.updateTable('identity_endpoint_group').set(changes).where('id', '=', id).execute();
}

export async function endpointGroupRemove(tx: Tx, id: string): Promise<void> {
  await tx.deleteFrom('identity_endpoint_group').where('id', '=', id).execute();
}

/** A project sees an endpoint, or the endpoints of a group. */
export interface Association {
  readonly kind: 'endpoint' | 'group';
  readonly id: string;
  readonly projectId: string;
}

export async function associationInsert(
  tx: Tx,
  { kind, id, projectId }: Association,
): Promise<void> {
  await tx
    .insertInto('identity_project_endpoint')
    .values({
      project_id: projectId,
      endpoint_id: kind === 'endpoint' ? id : null,
      group_id: kind === 'group' ? id : null,
    })
    .onConflict((again) => again.doNothing())
    .execute();
}

/** False: there was none. */
export async function associationRemove(
  tx: Tx,
  { kind, id, projectId }: Association,
): Promise<boolean> {
  const { numDeletedRows } = await tx
    .deleteFrom('identity_project_endpoint')
    .where('project_id', '=', projectId)
    .where(kind === 'endpoint' ? 'endpoint_id' : 'group_id', '=', id)
    .executeTakeFirst();
  return numDeletedRows > 0n;
}

export async function associationList(
  tx: Tx,
  filter: Partial<Association> = {},
): Promise<Association[]> {
  let query = tx.selectFrom('identity_project_endpoint').selectAll();
  if (filter.projectId !== undefined) query = query.where('project_id', '=', filter.projectId);
  if (filter.id !== undefined) {
    query = query.where(filter.kind === 'group' ? 'group_id' : 'endpoint_id', '=', filter.id);
  }
  const rows = await query.orderBy('project_id').execute();
  return rows.map((row) => ({
    kind: row.group_id === null ? 'endpoint' : 'group',
    id: row.group_id ?? row.endpoint_id ?? '',
    projectId: row.project_id,
  }));
}
