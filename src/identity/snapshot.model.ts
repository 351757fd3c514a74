import type { EndpointRow, RoleRow, ServiceRow } from './identity.tables.ts';

export interface SnapshotDomain {
  readonly id: string;
  readonly name: string;
  readonly isEnabled: boolean;
}

/** What many tokens share, read once per generation: domains, roles and what they imply, the catalog. */
export interface Snapshot {
  readonly domains: ReadonlyMap<string, SnapshotDomain>;
  readonly roles: ReadonlyMap<string, Pick<RoleRow, 'id' | 'name' | 'domain_id'>>;
  /** Role to the roles it implies directly. */
  readonly implied: ReadonlyMap<string, readonly string[]>;
  /** Domains that asked for a directory of their own by their configuration: option names with JSON, secrets sealed. */
  readonly directories: ReadonlyMap<string, ReadonlyMap<string, string>>;
  readonly services: readonly ServiceRow[];
  readonly endpoints: readonly EndpointRow[];
  readonly addressesName: { readonly project: boolean; readonly user: boolean };
  /** What a project was given; one without an entry sees all. */
  readonly givenEndpoints: ReadonlyMap<string, ReadonlySet<string>>;
  /** Catalogs as JSON by owner, made when first asked for. */
  readonly catalogs: Map<string, string>;
}
