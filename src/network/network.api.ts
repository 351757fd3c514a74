import type { Failure, FailureKind } from '../kernel/errors.ts';
import type { Api } from '../kernel/http/api.ts';
import { agentRoutes } from './agent.routes.ts';
import { autoTopologyRoutes } from './auto-topology.routes.ts';
import { availabilityZoneRoutes } from './availability-zone.routes.ts';
import { discoveryRoutes } from './discovery.routes.ts';
import { extensionRoutes } from './extension.routes.ts';
import { floatingIpRoutes } from './floating-ip.routes.ts';
import { ipAvailabilityRoutes } from './ip-availability.routes.ts';
import { networkRoutes } from './network.routes.ts';
import type { NetworkWorld } from './network.world.ts';
import { quotaRoutes } from './quota.routes.ts';
import { rbacPolicyRoutes } from './rbac-policy.routes.ts';
import { routerRoutes } from './router.routes.ts';
import { securityGroupRoutes } from './security-group.routes.ts';
import { subnetPoolRoutes } from './subnet-pool.routes.ts';

/** Neutron's API below `/network/v2.0`. */
export const networkApi = (world: NetworkWorld): Api<NetworkWorld> => ({
  name: 'network',
  mounts: ['/network'],
  world,
  endpoints: [
    ...discoveryRoutes,
    ...extensionRoutes,
    ...networkRoutes,
    ...subnetPoolRoutes,
    ...securityGroupRoutes,
    ...routerRoutes,
    ...floatingIpRoutes,
    ...quotaRoutes,
    ...rbacPolicyRoutes,
    ...agentRoutes(world),
    ...availabilityZoneRoutes,
    ...ipAvailabilityRoutes,
    ...autoTopologyRoutes,
  ],
  failureReply({ kind, type, message }: Failure, { isBug }) {
    const [code, usual] = isBug ? ([500, 'HTTPInternalServerError'] as const) : replies[kind];
    return {
      status: code,
      body: { NeutronError: { type: type ?? usual, message, detail: '' } },
    };
  },
});

/** Status, and the type of failures that have no name of their own. */
const replies: Readonly<Record<FailureKind, readonly [code: number, type: string]>> = {
  invalid: [400, 'HTTPBadRequest'],
  unauthenticated: [401, 'HTTPUnauthorized'],
  forbidden: [403, 'HTTPForbidden'],
  not_found: [404, 'HTTPNotFound'],
  method_not_allowed: [405, 'HTTPMethodNotAllowed'],
  not_acceptable: [406, 'HTTPNotAcceptable'],
  conflict: [409, 'HTTPConflict'],
  precondition_failed: [412, 'HTTPPreconditionFailed'],
  too_large: [413, 'HTTPRequestEntityTooLarge'],
  unsupported_media: [415, 'HTTPUnsupportedMediaType'],
  over_quota: [409, 'OverQuota'],
  no_capacity: [409, 'HTTPConflict'],
  not_implemented: [501, 'HTTPNotImplemented'],
  unavailable: [503, 'HTTPServiceUnavailable'],
};
