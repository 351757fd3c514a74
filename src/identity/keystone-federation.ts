import { flag } from '../kernel/db.ts';
import type {
  FederatedUserRow,
  IdentityProviderRow,
  IdentityTables,
  ProtocolRow,
  ServiceProviderRow,
} from './identity.tables.ts';
import {
  isTrue,
  numberOrNull,
  textIn,
  textOrNull,
  type KeystoneRow,
  type KeystoneSource,
} from './keystone-source.ts';

/** Identity providers of a Keystone database, and how they know whom. */
export interface KeystoneFederation {
  readonly providers: readonly IdentityProviderRow[];
  readonly remoteIds: readonly IdentityTables['identity_provider_remote_id'][];
  readonly protocols: readonly ProtocolRow[];
  readonly mappings: readonly IdentityTables['identity_mapping'][];
  readonly serviceProviders: readonly ServiceProviderRow[];
  readonly federatedIds: readonly FederatedUserRow[];
  /** What users are called who have a name at their provider only. */
  readonly names: ReadonlyMap<string, string>;
}

export async function federationRead(source: KeystoneSource): Promise<KeystoneFederation> {
  const people = await source.rows('federated_user');
  return {
    providers: (await source.rows('identity_provider')).map((row) => ({
      id: textIn(row, 'id'),
      domain_id: textIn(row, 'domain_id'),
      enabled: flag(isTrue(row, 'enabled')),
      description: textOrNull(row, 'description'),
      authorization_ttl: numberOrNull(row, 'authorization_ttl'),
    })),
    remoteIds: (await source.rows('idp_remote_ids')).map((row) => ({
      remote_id: textIn(row, 'remote_id'),
      idp_id: textIn(row, 'idp_id'),
    })),
    protocols: (await source.rows('federation_protocol')).map((row) => ({
      idp_id: textIn(row, 'idp_id'),
      id: textIn(row, 'id'),
      mapping_id: textIn(row, 'mapping_id'),
      remote_id_attribute: textOrNull(row, 'remote_id_attribute'),
    })),
    mappings: (await source.rows('mapping')).map((row) => ({
      id: textIn(row, 'id'),
      rules: rulesOf(row),
    })),
    serviceProviders: (await source.rows('service_provider')).map((row) => ({
      id: textIn(row, 'id'),
      enabled: flag(isTrue(row, 'enabled')),
      description: textOrNull(row, 'description'),
      auth_url: textIn(row, 'auth_url'),
      sp_url: textIn(row, 'sp_url'),
      relay_state_prefix: textIn(row, 'relay_state_prefix'),
    })),
    federatedIds: people.map((row) => ({
      idp_id: textIn(row, 'idp_id'),
      protocol_id: textIn(row, 'protocol_id'),
      unique_id: textIn(row, 'unique_id'),
      user_id: textIn(row, 'user_id'),
    })),
    names: new Map(people.map((row) => [textIn(row, 'user_id'), textIn(row, 'display_name')])),
  };
}

/** JSON, and where Keystone has written it twice, JSON in JSON. */
function rulesOf(row: KeystoneRow): string {
  const value: unknown = JSON.parse(textIn(row, 'rules'));
  return typeof value === 'string' ? value : JSON.stringify(value);
}
