import type { Api } from '../kernel/http/api.ts';
import type { Endpoint } from '../kernel/http/endpoint.ts';
import { accessTokenRoutes } from './access-token.routes.ts';
import { accessRuleRoutes, applicationCredentialRoutes } from './application-credential.routes.ts';
import { authScopeRoutes } from './auth-scopes.routes.ts';
import { credentialRoutes, ec2CredentialRoutes } from './credential.routes.ts';
import { domainConfigRoutes } from './domain-config.routes.ts';
import { domainRoutes } from './domain.routes.ts';
import { endpointFilterRoutes } from './endpoint-filter.routes.ts';
import { endpointGroupRoutes } from './endpoint-group.routes.ts';
import { endpointRoutes } from './endpoint.routes.ts';
import { limitRoutes } from './limit.routes.ts';
import { oauth1Routes } from './oauth1.routes.ts';
import { oauth2Routes } from './oauth2.routes.ts';
import { policyAssociationRoutes } from './policy-association.routes.ts';
import { policyRoutes } from './policy-document.routes.ts';
import { revocationRoutes } from './revocation.routes.ts';
import { failureReply } from './failure.ts';
import { federationAuthRoutes } from './federation-auth.routes.ts';
import { protocolRoutes } from './federation-protocol.routes.ts';
import { grantRoutes } from './grant.routes.ts';
import { groupRoutes } from './group.routes.ts';
import { providerRoutes } from './identity-provider.routes.ts';
import { mappingRoutes } from './mapping.routes.ts';
import { serviceProviderRoutes } from './service-provider.routes.ts';
import type { IdentityWorld } from './identity.world.ts';
import { projectRoutes } from './project.routes.ts';
import { projectTagRoutes } from './project-tag.routes.ts';
import { regionRoutes } from './region.routes.ts';
import { roleAssignmentRoutes } from './role-assignment.routes.ts';
import { implicationRoutes, roleRoutes } from './role.routes.ts';
import { serviceRoutes } from './service.routes.ts';
import { tokenRoutes } from './token.routes.ts';
import { trustRoutes } from './trust.routes.ts';
import { userRoutes } from './user.routes.ts';
import { versionRoutes } from './version.routes.ts';
import { webssoRoutes } from './websso.routes.ts';

export const identityEndpoints: readonly Endpoint<IdentityWorld>[] = [
  ...tokenRoutes,
  ...authScopeRoutes,
  ...federationAuthRoutes,
  ...webssoRoutes,
  ...domainRoutes,
  ...domainConfigRoutes,
  ...projectRoutes,
  ...projectTagRoutes,
  ...userRoutes,
  ...groupRoutes,
  ...roleRoutes,
  ...implicationRoutes,
  ...grantRoutes,
  ...roleAssignmentRoutes,
  ...regionRoutes,
  ...serviceRoutes,
  ...endpointRoutes,
  ...endpointGroupRoutes,
  ...endpointFilterRoutes,
  ...policyRoutes,
  ...policyAssociationRoutes,
  ...limitRoutes,
  ...oauth2Routes,
  ...revocationRoutes,
  ...credentialRoutes,
  ...ec2CredentialRoutes,
  ...accessTokenRoutes,
  ...applicationCredentialRoutes,
  ...accessRuleRoutes,
  ...trustRoutes,
  ...oauth1Routes,
  ...providerRoutes,
  ...protocolRoutes,
  ...mappingRoutes,
  ...serviceProviderRoutes,
];

export const identityApi = (world: IdentityWorld): Api<IdentityWorld> => ({
  name: 'identity',
  mounts: ['', '/identity'],
  endpoints: [...versionRoutes(identityEndpoints), ...identityEndpoints],
  world,
  failureReply: (failure, facts) => failureReply(failure, facts, world.settings.authUri),
  replyHeaders: () => ({ Vary: 'X-Auth-Token' }),
});
