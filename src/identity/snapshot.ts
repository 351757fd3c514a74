import { addressesName } from './catalog.ts';
import { associationList, endpointGroupList, isInGroup } from './endpoint-filter.store.ts';
import type { EndpointRow, Tx } from './identity.tables.ts';
import type { IdentityWorld } from './identity.world.ts';
import { directoryLate } from './generation.ts';
import { everything } from './listing.ts';
import type { Snapshot } from './snapshot.model.ts';
import type { TokenRole } from './token.model.ts';

export async function snapshotGet(world: IdentityWorld): Promise<Snapshot> {
  const { memory } = world;
  const late = directoryLate(world);
  if (late !== null) await late;
  const { generation, snapshot } = memory;
  if (snapshot?.generation === generation) return await snapshot.value;
  const value = snapshotRead(world);
  memory.snapshot = { generation, value };
  value.catch(() => {
    if (memory.snapshot?.value === value) memory.snapshot = null;
  });
  return await value;
}

const snapshotRead = ({ db }: IdentityWorld): Promise<Snapshot> =>
  db.read(async (tx) => {
    const domains = await tx
      .selectFrom('identity_project')
      .select(['id', 'name', 'enabled'])
      .where('is_domain', '=', 1)
      .execute();
    const roles = await tx
      .selectFrom('identity_role')
      .select(['id', 'name', 'domain_id'])
      .execute();
    const implications = await tx.selectFrom('identity_implication').selectAll().execute();
    const services = await tx
      .selectFrom('identity_service')
      .selectAll()
      .where('enabled', '=', 1)
      .orderBy('type')
      .orderBy('id')
      .execute();
    const endpoints = await tx
      .selectFrom('identity_endpoint')
      .selectAll()
      .where('enabled', '=', 1)
      .orderBy('id')
      .execute();
    return {
      domains: new Map(
        domains.map(({ id, name, enabled }) => [id, { id, name, isEnabled: enabled === 1 }]),
      ),
      roles: new Map(roles.map((role) => [role.id, role])),
      implied: new Map(
        Object.entries(Object.groupBy(implications, ({ prior_role_id }) => prior_role_id)).map(
          ([prior, rows = []]) => [prior, rows.map(({ implied_role_id }) => implied_role_id)],
        ),
      ),
      directories: await directoriesRead(tx),
      services,
      endpoints,
      addressesName: addressesName(endpoints.map(({ url }) => url)),
      givenEndpoints: await givenEndpointsRead(tx, endpoints),
      catalogs: new Map(),
    };
  });

async function directoriesRead(tx: Tx): Promise<Snapshot['directories']> {
  const rows = await tx
    .selectFrom('identity_domain_config')
    .select(['domain_id', 'option_name', 'value'])
    .where('group_name', '=', 'ldap')
    .where('domain_id', 'in', (eb) =>
      eb
        .selectFrom('identity_domain_config')
        .select('domain_id')
        .where('group_name', '=', 'identity')
        .where('option_name', '=', 'driver')
        .where('value', '=', '"ldap"'),
    )
    .execute();
  return new Map(
    [...Map.groupBy(rows, ({ domain_id }) => domain_id)].map(([id, options]) => [
      id,
      new Map(options.map(({ option_name, value }) => [option_name, value])),
    ]),
  );
}

/** The roles and all that they imply, each once; circles end. */
export function rolesExpand({ implied }: Snapshot, roleIds: Iterable<string>): Set<string> {
  const expanded = new Set<string>();
  const open = [...roleIds];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (expanded.has(id)) continue;
    expanded.add(id);
    open.push(...(implied.get(id) ?? []));
  }
  return expanded;
}

/** With all that they imply; the roles of a domain itself only count for what they imply. */
export function rolesIn(snapshot: Snapshot, roleIds: readonly string[]): TokenRole[] {
  return [...rolesExpand(snapshot, roleIds)]
    .flatMap((id) => snapshot.roles.get(id) ?? [])
    .filter(({ domain_id }) => domain_id === null)
    .map(({ id, name }) => ({ id, name }))
    .toSorted((a, b) => a.name.localeCompare(b.name));
}

async function givenEndpointsRead(
  tx: Tx,
  endpoints: readonly EndpointRow[],
): Promise<Map<string, Set<string>>> {
  const given = new Map<string, Set<string>>();
  const groups = new Map(
    (await endpointGroupList(tx, everything)).map((group) => [group.id, group] as const),
  );
  for (const { kind, id, projectId } of await associationList(tx)) {
    const seen = given.get(projectId) ?? new Set();
    given.set(projectId, seen);
    const group = groups.get(id);
    if (kind === 'endpoint') seen.add(id);
    else if (group !== undefined) {
      for (const row of endpoints) if (isInGroup(row, group)) seen.add(row.id);
    }
  }
  return given;
}
