import type { Flag, Tx as AnyTx } from '../kernel/db.ts';

export type Tx = AnyTx<IdentityTables>;

/** Booleans are 0 or 1, times are milliseconds, `options`, `extra` and lists are JSON written whole. */
export interface IdentityTables {
  identity_project: ProjectRow;
  identity_project_tag: { project_id: string; tag: string };
  identity_user: UserRow;
  identity_password: PasswordRow;
  identity_directory_entry: DirectoryEntryRow;
  identity_group: GroupRow;
  identity_membership: { group_id: string; user_id: string };
  identity_role: RoleRow;
  identity_implication: { prior_role_id: string; implied_role_id: string };
  identity_assignment: AssignmentRow;
  identity_region: RegionRow;
  identity_service: ServiceRow;
  identity_endpoint: EndpointRow;
  identity_domain_config: {
    domain_id: string;
    group_name: string;
    option_name: string;
    value: string;
  };
  identity_policy: PolicyRow;
  identity_endpoint_group: EndpointGroupRow;
  /** One of endpoint and group is set. */
  identity_project_endpoint: {
    project_id: string;
    endpoint_id: string | null;
    group_id: string | null;
  };
  identity_credential: CredentialRow;
  identity_application_credential: ApplicationCredentialRow;
  identity_access_rule: AccessRuleRow;
  identity_application_credential_rule: { credential_id: string; rule_id: string };
  identity_trust: TrustRow;
  /** What the rules for log-ins remember of a user; without a row: nothing yet. */
  identity_log_in: {
    user_id: string;
    failures: number;
    failed_at: number | null;
    active_at: number | null;
  };
  identity_registered_limit: RegisteredLimitRow;
  identity_limit: {
    id: string;
    registered_limit_id: string;
    project_id: string;
    is_domain: Flag;
    resource_limit: number;
    description: string | null;
  };
  /** Of endpoint and service one is set; a region only with a service. */
  identity_policy_association: {
    policy_id: string;
    endpoint_id: string | null;
    service_id: string | null;
    region_id: string | null;
  };
  identity_consumer: ConsumerRow;
  identity_request_token: RequestTokenRow;
  identity_access_token: AccessTokenRow;
  identity_provider: IdentityProviderRow;
  identity_provider_remote_id: { remote_id: string; idp_id: string };
  identity_protocol: ProtocolRow;
  identity_mapping: { id: string; rules: string };
  identity_service_provider: ServiceProviderRow;
  /** Who somebody of a provider is here. */
  identity_federated_user: FederatedUserRow;
  identity_expiring_membership: ExpiringMembershipRow;
  /** What providers said of those who logged in; tokens name it. The id follows from the rest. */
  identity_assertion: {
    id: string;
    idp_id: string;
    protocol_id: string;
    group_ids: string;
    remote_id: string | null;
  };
  identity_revocation: RevocationRow;
  /** One row. Every write that tokens depend on adds one, so each process knows when its memory is old. */
  identity_generation: { id: number; generation: number };
}

/** Domains are projects too: they have no domain and no parent, and `is_domain` is set. */
export interface ProjectRow {
  id: string;
  domain_id: string | null;
  parent_id: string | null;
  /** Ids from the domain down to this project, each followed by a slash; a parent never changes. */
  path: string;
  is_domain: Flag;
  name: string;
  description: string;
  enabled: Flag;
  options: string;
  extra: string;
}

export interface UserRow {
  id: string;
  domain_id: string;
  name: string;
  enabled: Flag;
  default_project_id: string | null;
  options: string;
  extra: string;
  created_at: number;
}

/** The newest row of a user is the password in force. */
export interface PasswordRow {
  id: string;
  user_id: string;
  hash: string;
  created_at: number;
  expires_at: number | null;
  /** Set by its owner, not by an administrator. */
  self_service: Flag;
}

/** A user or group whose row here mirrors what a company's directory says. */
export interface DirectoryEntryRow {
  public_id: string;
  domain_id: string;
  kind: 'user' | 'group';
  local_id: string;
  /** When the directory was last asked about it. */
  seen_at: number;
  /** The last log-in with a password; 0: none. */
  logged_in_at: number;
  /** The directory does not have it any more: its row is hidden, what it was given is kept. */
  gone: Flag;
}

export interface GroupRow {
  id: string;
  domain_id: string;
  name: string;
  description: string;
  extra: string;
}

export interface RoleRow {
  id: string;
  name: string;
  /** Null: a global role. A domain's own roles never appear in tokens, only what they imply. */
  domain_id: string | null;
  description: string | null;
  options: string;
  extra: string;
}

export interface AssignmentRow {
  actor_kind: 'user' | 'group';
  actor_id: string;
  target_kind: 'project' | 'domain' | 'system';
  /** `system` for the system. */
  target_id: string;
  role_id: string;
  /** In force on the projects below the target, not on the target itself. */
  inherited: Flag;
}

export interface RegionRow {
  id: string;
  description: string;
  parent_region_id: string | null;
  extra: string;
}

export interface ServiceRow {
  id: string;
  type: string;
  name: string | null;
  description: string | null;
  enabled: Flag;
  extra: string;
}

export interface EndpointRow {
  id: string;
  service_id: string;
  interface: 'public' | 'internal' | 'admin';
  region_id: string | null;
  url: string;
  enabled: Flag;
  extra: string;
}

export interface PolicyRow {
  id: string;
  type: string;
  blob: string;
  extra: string;
}

export interface EndpointGroupRow {
  id: string;
  name: string;
  description: string;
  filters: string;
  extra: string;
}

export interface CredentialRow {
  id: string;
  user_id: string;
  project_id: string | null;
  type: string;
  /** Sealed: see secret-box.ts. */
  blob: string;
  extra: string;
}

export interface ApplicationCredentialRow {
  id: string;
  user_id: string;
  project_id: string;
  name: string;
  description: string | null;
  secret_hash: string;
  /** Microseconds: clients get back the digits they gave. */
  expires_at_us: number | null;
  /** May manage application credentials and trusts itself. */
  unrestricted: Flag;
  role_ids: string;
}

export interface AccessRuleRow {
  id: string;
  user_id: string;
  service: string;
  method: string;
  path: string;
}

export interface TrustRow {
  id: string;
  trustor_id: string;
  trustee_id: string;
  project_id: string | null;
  impersonation: Flag;
  /** Microseconds: clients get back the digits they gave. */
  expires_at_us: number | null;
  remaining_uses: number | null;
  redelegated_trust_id: string | null;
  redelegation_count: number;
  role_ids: string;
  extra: string;
}

export interface RegisteredLimitRow {
  id: string;
  service_id: string;
  region_id: string | null;
  resource_name: string;
  default_limit: number;
  description: string | null;
}

export interface ConsumerRow {
  id: string;
  description: string | null;
  /** Sealed, like those of the tokens. */
  secret: string;
  extra: string;
}

export interface RequestTokenRow {
  id: string;
  secret: string;
  consumer_id: string;
  project_id: string;
  user_id: string | null;
  role_ids: string;
  verifier: string | null;
  expires_at: number;
}

export interface AccessTokenRow {
  id: string;
  secret: string;
  consumer_id: string;
  project_id: string;
  user_id: string;
  role_ids: string;
  expires_at: number;
}

export interface IdentityProviderRow {
  id: string;
  domain_id: string;
  enabled: Flag;
  description: string | null;
  /** Minutes that memberships live after a log-in. */
  authorization_ttl: number | null;
}

export interface ProtocolRow {
  idp_id: string;
  id: string;
  mapping_id: string;
  remote_id_attribute: string | null;
}

export interface ServiceProviderRow {
  id: string;
  enabled: Flag;
  description: string | null;
  auth_url: string;
  sp_url: string;
  relay_state_prefix: string;
}

export interface FederatedUserRow {
  idp_id: string;
  protocol_id: string;
  unique_id: string;
  user_id: string;
}

export interface ExpiringMembershipRow {
  user_id: string;
  group_id: string;
  idp_id: string;
  verified_at: number;
  expires_at: number;
}

/** Tokens of the subject that were issued before a moment are worthless. */
export interface RevocationRow {
  id: string;
  kind: 'token' | 'chain' | 'user' | 'project' | 'domain';
  subject: string;
  issued_before: number;
  revoked_at: number;
  /** The generation it came with: what a process has not seen yet is what lies above its own. */
  generation: number;
  /** When the last token it speaks of has expired. */
  expires_at: number;
}
