import type { Snapshot } from './snapshot.model.ts';

export interface CatalogEntry {
  readonly id: string;
  readonly type: string;
  readonly name: string;
  readonly endpoints: readonly {
    readonly id: string;
    readonly interface: string;
    readonly region: string | null;
    readonly region_id: string | null;
    readonly url: string;
  }[];
}

/** The catalog of a project as JSON; without a project, endpoints whose address names one are left out. */
export function catalogJson(
  snapshot: Snapshot,
  { projectId, userId }: { projectId: string | null; userId: string },
): string {
  // Addresses that name the user are rare enough not to be remembered for each.
  const namesUser = snapshot.endpoints.some(({ url }) => /[$%]\(user_id\)s/.test(url));
  const key = namesUser ? `${projectId} ${userId}` : String(projectId);
  const known = snapshot.catalogs.get(key);
  if (known !== undefined) return known;
  const json = JSON.stringify(catalogOf(snapshot, { projectId, userId }));
  snapshot.catalogs.set(key, json);
  return json;
}

function catalogOf(
  { services, endpoints, givenEndpoints }: Snapshot,
  values: { projectId: string | null; userId: string },
): CatalogEntry[] {
  const given = values.projectId === null ? undefined : givenEndpoints.get(values.projectId);
  return services.map(({ id, type, name }) => ({
    id,
    type,
    name: name ?? '',
    endpoints: endpoints
      .filter((row) => row.service_id === id && (given === undefined || given.has(row.id)))
      .flatMap((endpoint) => {
        const url = urlFill(endpoint.url, values);
        if (url === null) return [];
        const { id: endpointId, interface: kind, region_id } = endpoint;
        return [{ id: endpointId, interface: kind, region: region_id, region_id, url }];
      }),
  }));
}

/** Null: the address needs a value that is not there, or names one that nobody knows. */
export function urlFill(
  template: string,
  { projectId, userId }: { projectId: string | null; userId: string | null },
): string | null {
  let isWhole = true;
  const url = template.replace(/[$%]\((\w+)\)s/g, (_, name: string) => {
    const value = name === 'project_id' || name === 'tenant_id' ? projectId : null;
    const filled = name === 'user_id' ? userId : value;
    if (filled === null) isWhole = false;
    return filled ?? '';
  });
  return isWhole ? url : null;
}
