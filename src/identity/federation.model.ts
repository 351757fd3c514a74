import type { MappingRule } from './mapping.schema.ts';

/** Who vouches for people: their company, another cloud. */
export interface IdentityProvider {
  readonly id: string;
  /** Where those who come from it live. */
  readonly domainId: string;
  readonly isEnabled: boolean;
  readonly description: string | null;
  /** How it names itself: the issuer of its tokens. */
  readonly remoteIds: readonly string[];
  /** How long memberships that it told of outlive the tokens of the log-in; null and 0: not at all. */
  readonly authorizationTtlMinutes: number | null;
}

/** One way in which people come from a provider, and how what is said of them is read. */
export interface Protocol {
  readonly idpId: string;
  readonly id: string;
  readonly mappingId: string;
  /** The attribute that must be one of the provider's remote ids; null: its issuer. */
  readonly remoteIdAttribute: string | null;
}

export interface Mapping {
  readonly id: string;
  readonly rules: readonly MappingRule[];
}

/** Another cloud that would trust this one. */
export interface ServiceProvider {
  readonly id: string;
  readonly isEnabled: boolean;
  readonly description: string | null;
  readonly authUrl: string;
  readonly spUrl: string;
  readonly relayStatePrefix: string;
}

/** What a provider said of somebody at a log-in; many log-ins say the same. */
export interface Assertion {
  readonly idpId: string;
  readonly protocolId: string;
  /** Null: it opened an account of this cloud, and nothing else that it says counts. */
  readonly groupIds: readonly string[] | null;
  /** By which of its names the provider was known; null: it had none. */
  readonly remoteId: string | null;
}

/** How somebody is known at a provider. */
export interface FederatedId {
  readonly idpId: string;
  readonly protocolId: string;
  readonly uniqueId: string;
}
