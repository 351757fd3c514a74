import type { PolicyDefaults, RuleDefault } from '../kernel/policy.ts';

/**
 * Upstream's secure RBAC: an admin may do everything, a reader of the system sees everything, a manager of a domain runs
 * its users, groups and projects and hands out the roles below his own, everybody sees and ends what is his.
 */

const everyScope = ['system', 'domain', 'project'] as const;
const globalScopes = ['system', 'project'] as const;

const admin = 'rule:admin_required';
const adminOrSystemReader = `${admin} or (role:reader and system_scope:all)`;
const ownsCredential = 'user_id:%(target.credential.user_id)s';

const rule = (
  check: string,
  description: string,
  scopes: RuleDefault['scopes'] = everyScope,
): RuleDefault => ({ check, description, ...(scopes !== undefined && { scopes }) });

const adminOnly = (description: string): RuleDefault => rule(admin, description, globalScopes);
const adminReads = (description: string): RuleDefault =>
  rule(adminOrSystemReader, description, globalScopes);
const anyone = (description: string): RuleDefault => ({ check: '', description });
const named = (check: string, description: string): RuleDefault => ({ check, description });

const sameDomain = (role: string): readonly string[] =>
  ['user', 'group'].flatMap((actor) =>
    ['target.project.domain_id', 'target.domain.id'].map(
      (target) =>
        `(role:${role} and domain_id:%(target.${actor}.domain_id)s and domain_id:%(${target})s)`,
    ),
  );
const globalOrOwnRole = '(domain_id:%(target.role.domain_id)s or None:%(target.role.domain_id)s)';
const grantRead = `(role:reader and system_scope:all) or ${sameDomain('reader').join(' or ')}`;
const grantWrite = `(${admin}) or (${sameDomain('admin').join(' or ')}) and ${globalOrOwnRole} or (${sameDomain('manager').join(' or ')}) and rule:domain_managed_target_role`;

const domainManager = (attribute: string): string =>
  `(${admin}) or (role:manager and domain_id:%(${attribute})s)`;
const domainReader = (attribute: string): string =>
  `(${adminOrSystemReader}) or (role:reader and domain_id:%(${attribute})s)`;
const projectManager = `(${admin}) or (role:manager and domain_id:%(target.project.domain_id)s and not None:%(target.project.domain_id)s)`;
const projectReader = `(${adminOrSystemReader}) or (role:reader and domain_id:%(target.project.domain_id)s and not None:%(target.project.domain_id)s) or project_id:%(target.project.id)s`;
const bothManager = `(${admin}) or (role:manager and domain_id:%(target.group.domain_id)s and domain_id:%(target.user.domain_id)s)`;

const baseRules: PolicyDefaults = {
  admin_required: named('role:admin or is_admin:1', 'Operators of the cloud'),
  service_role: named('role:service', 'Other services'),
  service_or_admin: named('rule:admin_required or rule:service_role', 'Services and operators'),
  owner: named('user_id:%(user_id)s', 'The user it belongs to'),
  token_subject: named('user_id:%(target.token.user_id)s', 'The user a token speaks for'),
  domain_managed_target_role: named(
    "'manager':%(target.role.name)s or 'member':%(target.role.name)s or 'reader':%(target.role.name)s",
    'Roles that the manager of a domain may give',
  ),
};

const tokenRules: PolicyDefaults = {
  'identity:get_auth_catalog': anyone('The catalog of the own token'),
  'identity:get_auth_projects': anyone('Projects that the user can choose'),
  'identity:get_auth_domains': anyone('Domains that the user can choose'),
  'identity:get_auth_system': anyone('Whether the user can choose the system'),
  'identity:check_token': rule(
    `${adminOrSystemReader} or rule:token_subject`,
    'Whether a token is valid',
  ),
  'identity:validate_token': rule(
    `${adminOrSystemReader} or rule:service_role or rule:token_subject`,
    'Show a token',
  ),
  'identity:revoke_token': rule(`${admin} or rule:token_subject`, 'Revoke a token'),
  'identity:ec2tokens_validate': rule('rule:service_or_admin', 'Whose an EC2 signature is'),
  'identity:s3tokens_validate': rule('rule:service_or_admin', 'Whose an S3 signature is'),
  'identity:list_revoke_events': rule('rule:service_or_admin', 'Revocations', globalScopes),
};

const projectRules: PolicyDefaults = {
  'identity:get_domain': rule(
    `${adminOrSystemReader} or token.domain.id:%(target.domain.id)s or token.project.domain.id:%(target.domain.id)s`,
    'Show a domain',
  ),
  'identity:list_domains': rule(domainReader('target.domain.id'), 'List domains'),
  'identity:create_domain': adminOnly('Create a domain'),
  'identity:update_domain': adminOnly('Change a domain'),
  'identity:delete_domain': adminOnly('Delete a domain'),
  'identity:get_domain_config': adminReads('Show the configuration of a domain'),
  'identity:get_security_compliance_domain_config': {
    ...anyone('What a password must look like'),
    scopes: everyScope,
  },
  'identity:get_domain_config_default': adminReads('What holds where a domain says nothing'),
  'identity:create_domain_config': adminOnly('Set the configuration of a domain'),
  'identity:update_domain_config': adminOnly('Change the configuration of a domain'),
  'identity:delete_domain_config': adminOnly('Take back the configuration of a domain'),
  'identity:get_project': rule(projectReader, 'Show a project'),
  'identity:list_projects': rule(domainReader('target.domain_id'), 'List projects'),
  'identity:list_user_projects': rule(
    `${domainReader('target.user.domain_id')} or user_id:%(target.user.id)s`,
    'Projects of a user',
  ),
  'identity:create_project': rule(projectManager, 'Create a project'),
  'identity:update_project': rule(projectManager, 'Change a project'),
  'identity:delete_project': rule(projectManager, 'Delete a project'),
  'identity:list_project_tags': rule(projectReader, 'List the tags of a project'),
  'identity:get_project_tag': rule(projectReader, 'Whether a project has a tag'),
  'identity:update_project_tags': rule(projectManager, 'Replace the tags of a project'),
  'identity:create_project_tag': rule(projectManager, 'Add a tag to a project'),
  'identity:delete_project_tags': rule(projectManager, 'Remove all tags of a project'),
  'identity:delete_project_tag': rule(projectManager, 'Remove a tag from a project'),
};

const userRules: PolicyDefaults = {
  'identity:get_user': rule(
    `${domainReader('target.user.domain_id')} or user_id:%(target.user.id)s`,
    'Show a user',
  ),
  'identity:list_users': rule(domainReader('target.domain_id'), 'List users'),
  'identity:create_user': rule(domainManager('target.user.domain_id'), 'Create a user'),
  'identity:update_user': rule(domainManager('target.user.domain_id'), 'Change a user'),
  'identity:delete_user': rule(domainManager('target.user.domain_id'), 'Delete a user'),
  'identity:get_group': rule(domainReader('target.group.domain_id'), 'Show a group'),
  'identity:list_groups': rule(domainReader('target.group.domain_id'), 'List groups'),
  'identity:list_groups_for_user': rule(
    `${domainReader('target.user.domain_id')} or user_id:%(user_id)s`,
    'Groups of a user',
  ),
  'identity:create_group': rule(domainManager('target.group.domain_id'), 'Create a group'),
  'identity:update_group': rule(domainManager('target.group.domain_id'), 'Change a group'),
  'identity:delete_group': rule(domainManager('target.group.domain_id'), 'Delete a group'),
  'identity:list_users_in_group': rule(domainReader('target.group.domain_id'), 'Users in a group'),
  'identity:check_user_in_group': rule(
    `(${adminOrSystemReader}) or (role:reader and domain_id:%(target.group.domain_id)s and domain_id:%(target.user.domain_id)s)`,
    'Whether a user is in a group',
  ),
  'identity:add_user_to_group': rule(bothManager, 'Put a user into a group'),
  'identity:remove_user_from_group': rule(bothManager, 'Take a user out of a group'),
};

const roleRules: PolicyDefaults = {
  'identity:get_role': rule(
    `(${adminOrSystemReader}) or (role:manager and rule:domain_managed_target_role)`,
    'Show a role',
  ),
  'identity:list_roles': rule(
    `(${adminOrSystemReader}) or (role:manager and not domain_id:None)`,
    'List roles',
  ),
  'identity:create_role': adminOnly('Create a role'),
  'identity:update_role': adminOnly('Change a role'),
  'identity:delete_role': adminOnly('Delete a role'),
  'identity:get_domain_role': adminReads('Show a role of a domain'),
  'identity:list_domain_roles': adminReads('List the roles of a domain'),
  'identity:create_domain_role': adminOnly('Create a role of a domain'),
  'identity:update_domain_role': adminOnly('Change a role of a domain'),
  'identity:delete_domain_role': adminOnly('Delete a role of a domain'),
  'identity:get_implied_role': adminReads('Show that a role implies another'),
  'identity:check_implied_role': adminReads('Whether a role implies another'),
  'identity:list_implied_roles': adminReads('Roles that a role implies'),
  'identity:list_role_inference_rules': adminReads('All implications of roles'),
  'identity:create_implied_role': adminOnly('Let a role imply another'),
  'identity:delete_implied_role': adminOnly('Let a role no longer imply another'),
  'identity:check_grant': rule(
    `(${admin}) or (${grantRead}) and ${globalOrOwnRole}`,
    'Whether a role is given',
  ),
  'identity:list_grants': rule(`(${admin}) or ${grantRead}`, 'List the roles given'),
  'identity:create_grant': rule(grantWrite, 'Give a role'),
  'identity:revoke_grant': rule(grantWrite, 'Take a role back'),
  ...Object.fromEntries(
    ['user', 'group'].flatMap((actor) => [
      [`identity:list_system_grants_for_${actor}`, adminReads(`System roles of a ${actor}`)],
      [`identity:check_system_grant_for_${actor}`, adminReads(`Whether a ${actor} has one`)],
      [`identity:create_system_grant_for_${actor}`, adminOnly(`Give a ${actor} one`)],
      [`identity:revoke_system_grant_for_${actor}`, adminOnly(`Take one from a ${actor}`)],
    ]),
  ),
  'identity:list_role_assignments': rule(domainReader('target.domain_id'), 'List assignments'),
  'identity:list_role_assignments_for_tree': rule(
    domainReader('target.domain_id'),
    'List assignments of a project and all below it',
  ),
};

const catalogRules: PolicyDefaults = {
  'identity:get_region': anyone('Show a region'),
  'identity:list_regions': anyone('List regions'),
  'identity:create_region': adminOnly('Create a region'),
  'identity:update_region': adminOnly('Change a region'),
  'identity:delete_region': adminOnly('Delete a region'),
  'identity:get_service': adminReads('Show a service'),
  'identity:list_services': adminReads('List services'),
  'identity:create_service': adminOnly('Create a service'),
  'identity:update_service': adminOnly('Change a service'),
  'identity:delete_service': adminOnly('Delete a service'),
  'identity:get_endpoint': adminReads('Show an endpoint'),
  'identity:list_endpoints': adminReads('List endpoints'),
  'identity:create_endpoint': adminOnly('Create an endpoint'),
  'identity:update_endpoint': adminOnly('Change an endpoint'),
  'identity:delete_endpoint': adminOnly('Delete an endpoint'),
};

const filterRules: PolicyDefaults = {
  'identity:get_policy': adminReads('Show a policy document'),
  'identity:list_policies': adminReads('List policy documents'),
  'identity:create_policy': adminOnly('Keep a policy document'),
  'identity:update_policy': adminOnly('Change a policy document'),
  'identity:delete_policy': adminOnly('Delete a policy document'),
  'identity:get_endpoint_group': adminReads('Show a group of endpoints'),
  'identity:list_endpoint_groups': adminReads('List groups of endpoints'),
  'identity:create_endpoint_group': adminOnly('Create a group of endpoints'),
  'identity:update_endpoint_group': adminOnly('Change a group of endpoints'),
  'identity:delete_endpoint_group': adminOnly('Delete a group of endpoints'),
  'identity:list_projects_associated_with_endpoint_group': adminReads('Projects with a group'),
  'identity:list_endpoints_associated_with_endpoint_group': adminReads('Endpoints in a group'),
  'identity:list_endpoint_groups_for_project': adminReads('Groups that a project was given'),
  'identity:get_endpoint_group_in_project': adminReads('Whether a project was given a group'),
  'identity:add_endpoint_group_to_project': adminOnly('Give a project a group'),
  'identity:remove_endpoint_group_from_project': adminOnly('Take a group from a project'),
  'identity:list_projects_for_endpoint': adminReads('Projects with an endpoint'),
  'identity:list_endpoints_for_project': adminReads('Endpoints that a project was given'),
  'identity:check_endpoint_in_project': adminReads('Whether a project was given an endpoint'),
  'identity:add_endpoint_to_project': adminOnly('Give a project an endpoint'),
  'identity:remove_endpoint_from_project': adminOnly('Take an endpoint from a project'),
};

const credentialRules: PolicyDefaults = {
  'identity:get_credential': rule(
    `(${adminOrSystemReader}) or ${ownsCredential}`,
    'Show a credential',
  ),
  'identity:list_credentials': rule(
    `(${adminOrSystemReader}) or ${ownsCredential}`,
    'List credentials',
  ),
  'identity:create_credential': rule(`(${admin}) or ${ownsCredential}`, 'Create a credential'),
  'identity:update_credential': rule(`(${admin}) or ${ownsCredential}`, 'Change a credential'),
  'identity:delete_credential': rule(`(${admin}) or ${ownsCredential}`, 'Delete a credential'),
  'identity:ec2_get_credential': rule(
    `(${adminOrSystemReader}) or ${ownsCredential}`,
    'Show an EC2 key',
    globalScopes,
  ),
  'identity:ec2_list_credentials': rule(
    `(${adminOrSystemReader}) or rule:owner`,
    'List the EC2 keys of a user',
    globalScopes,
  ),
  'identity:ec2_create_credential': rule(
    `(${admin}) or (role:member and ${ownsCredential})`,
    'Make an EC2 key',
    globalScopes,
  ),
  'identity:ec2_delete_credential': rule(
    `(${admin}) or (role:member and ${ownsCredential})`,
    'Delete an EC2 key',
    globalScopes,
  ),
};

const ownsUser = 'user_id:%(target.user.id)s';
const isTrustor = 'user_id:%(target.trust.trustor_user_id)s';
const isTrustee = 'user_id:%(target.trust.trustee_user_id)s';
const sharesTrust = `(${admin}) or (role:reader and system_scope:all or ${isTrustor} or ${isTrustee})`;

const delegationRules: PolicyDefaults = {
  'identity:get_application_credential': rule(
    `(${adminOrSystemReader}) or rule:owner`,
    'Show an application credential',
    globalScopes,
  ),
  'identity:list_application_credentials': rule(
    `(${adminOrSystemReader}) or rule:owner`,
    'List the application credentials of a user',
    globalScopes,
  ),
  'identity:create_application_credential': rule(
    'user_id:%(user_id)s',
    'Make an application credential',
    ['project'],
  ),
  'identity:delete_application_credential': rule(
    // Not by the name that Keystone has for it: Nova has a rule of that name, and it means another.
    `(${admin}) or rule:owner`,
    'Delete an application credential',
    globalScopes,
  ),
  'identity:get_access_rule': rule(
    `(role:reader and system_scope:all) or ${ownsUser}`,
    'Show an access rule',
    globalScopes,
  ),
  'identity:list_access_rules': rule(
    `(role:reader and system_scope:all) or ${ownsUser}`,
    'List the access rules of a user',
    globalScopes,
  ),
  'identity:delete_access_rule': rule(
    `(role:admin and system_scope:all) or ${ownsUser}`,
    'Delete an access rule',
    globalScopes,
  ),
  'identity:get_consumer': adminReads('Show a consumer of OAuth1'),
  'identity:list_consumers': adminReads('List consumers of OAuth1'),
  'identity:create_consumer': adminOnly('Make a consumer of OAuth1'),
  'identity:update_consumer': adminOnly('Change a consumer of OAuth1'),
  'identity:delete_consumer': adminOnly('Delete a consumer of OAuth1'),
  'identity:authorize_request_token': rule(admin, 'Lend roles to a consumer', ['project']),
  'identity:get_access_token': rule(admin, 'Show what was lent to a consumer', ['project']),
  'identity:list_access_tokens': rule(admin, 'List what a user lent to consumers', ['project']),
  'identity:get_access_token_role': rule(admin, 'A role lent to a consumer', ['project']),
  'identity:list_access_token_roles': rule(admin, 'Roles lent to a consumer', ['project']),
  'identity:delete_access_token': rule(
    `(${admin}) or (role:member and ${ownsCredential})`,
    'Take back what was lent to a consumer',
    globalScopes,
  ),
  'identity:create_trust': rule(isTrustor, 'Trust another user', ['project']),
  'identity:list_trusts': adminReads('List all trusts'),
  'identity:list_trusts_for_trustor': rule(
    `(${admin}) or (role:reader and system_scope:all or ${isTrustor})`,
    'List the trusts that a user gave',
    globalScopes,
  ),
  'identity:list_trusts_for_trustee': rule(
    `(${admin}) or (role:reader and system_scope:all or ${isTrustee})`,
    'List the trusts that a user was given',
    globalScopes,
  ),
  'identity:get_trust': rule(sharesTrust, 'Show a trust', globalScopes),
  'identity:list_roles_for_trust': rule(sharesTrust, 'Roles that a trust gives', globalScopes),
  'identity:get_role_for_trust': rule(sharesTrust, 'A role that a trust gives', globalScopes),
  'identity:delete_trust': rule(`${admin} or ${isTrustor}`, 'End a trust', globalScopes),
};

const federationRules: PolicyDefaults = Object.fromEntries(
  (
    [
      ['identity_provider', 'an identity provider', 'List identity providers'],
      ['protocol', 'a protocol of an identity provider', 'List protocols'],
      ['mapping', 'a mapping', 'List mappings'],
      ['service_provider', 'a service provider', 'List service providers'],
    ] as const
  ).flatMap(([name, what, list]) => [
    [`identity:get_${name}`, adminReads(`Show ${what}`)],
    [`identity:list_${name}s`, adminReads(list)],
    [`identity:create_${name}`, adminOnly(`Create ${what}`)],
    [`identity:update_${name}`, adminOnly(`Change ${what}`)],
    [`identity:delete_${name}`, adminOnly(`Delete ${what}`)],
  ]),
);

const limitRules: PolicyDefaults = {
  'identity:get_limit_model': rule('', 'How limits belong together'),
  'identity:get_limit': rule(
    `(${adminOrSystemReader}) or domain_id:%(target.limit.domain.id)s or domain_id:%(target.limit.project.domain_id)s or (project_id:%(target.limit.project_id)s and not None:%(target.limit.project_id)s)`,
    'Show a limit',
  ),
  'identity:list_limits': rule('', 'List limits'),
  'identity:create_limits': adminOnly('Give projects limits of their own'),
  'identity:update_limit': adminOnly('Change a limit'),
  'identity:delete_limit': adminOnly('Take a limit back'),
  'identity:get_registered_limit': rule('', 'Show a registered limit'),
  'identity:list_registered_limits': rule('', 'List registered limits'),
  'identity:create_registered_limits': adminOnly('Register limits of resources'),
  'identity:update_registered_limit': adminOnly('Change a registered limit'),
  'identity:delete_registered_limit': adminOnly('Remove a registered limit'),
};

const associationRules: PolicyDefaults = {
  'identity:get_policy_for_endpoint': adminReads('The policy document of an endpoint'),
  'identity:list_endpoints_for_policy': adminReads('Endpoints with a policy document'),
  ...Object.fromEntries(
    ['endpoint', 'service', 'region_and_service'].flatMap((what) => [
      [`identity:check_policy_association_for_${what}`, adminReads(`Whether a ${what} has one`)],
      [`identity:create_policy_association_for_${what}`, adminOnly(`Give a ${what} one`)],
      [`identity:delete_policy_association_for_${what}`, adminOnly(`Take one from a ${what}`)],
    ]),
  ),
};

export const identityPolicies: PolicyDefaults = {
  ...limitRules,
  ...associationRules,
  ...baseRules,
  ...tokenRules,
  ...projectRules,
  ...userRules,
  ...roleRules,
  ...catalogRules,
  ...filterRules,
  ...credentialRules,
  ...delegationRules,
  ...federationRules,
};
