import type { Snapshot } from './snapshot.model.ts';

interface CatalogEntry {
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

/** A catalog depends on the project, and on the user where an address names one. */
export interface CatalogOwner {
  readonly projectId: string | null;
  readonly userId: string;
}

const catalogsMax = 2_000;

/** The catalog of a project as JSON; without a project, endpoints whose address names one are left out. */
export function catalogJson(snapshot: Snapshot, owner: CatalogOwner): string {
  const key = keyOf(snapshot, owner);
  const known = snapshot.catalogs.get(key);
  if (known !== undefined) return known;
  const json = JSON.stringify(catalogOf(snapshot, owner));
  if (snapshot.catalogs.size >= catalogsMax) snapshot.catalogs.clear();
  snapshot.catalogs.set(key, json);
  return json;
}

/** Owners with one key have one catalog: all of them, where no address and no association names anybody. */
function keyOf(
  { givenEndpoints, addressesName }: Snapshot,
  { projectId, userId }: CatalogOwner,
): string {
  const ofProject = projectId === null || givenEndpoints.has(projectId) || addressesName.project;
  return `${ofProject ? projectId : 'any'} ${addressesName.user ? userId : 'any'}`;
}

/** Whether an address differs from one project, or one user, to another. */
export const addressesName = (urls: readonly string[]): Snapshot['addressesName'] => ({
  project: urls.some((url) => /[$%]\((project|tenant)_id\)s/.test(url)),
  user: urls.some((url) => /[$%]\(user_id\)s/.test(url)),
});

function catalogOf(
  { services, endpoints, givenEndpoints }: Snapshot,
  values: CatalogOwner,
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
