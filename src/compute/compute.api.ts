import type { Api } from '../kernel/http/api.ts';
import type { FailureKind } from '../kernel/errors.ts';
import type { ComputeWorld } from './compute.world.ts';
import { aggregateRoutes } from './aggregate.routes.ts';
import { availabilityZoneRoutes } from './availability-zone.routes.ts';
import { discoveryRoutes, versionMax, versionMin } from './discovery.routes.ts';
import { extensionRoutes } from './extension.routes.ts';
import { flavorRoutes } from './flavor.routes.ts';
import { hostRoutes } from './host.routes.ts';
import { hypervisorRoutes } from './hypervisor.routes.ts';
import { imageProxyRoutes } from './image-proxy.routes.ts';
import { keypairRoutes } from './keypair.routes.ts';
import { networkProxyRoutes } from './network-proxy.routes.ts';
import { quotaRoutes } from './quota.routes.ts';
import { securityGroupProxyRoutes } from './security-group-proxy.routes.ts';
import { serverGroupRoutes } from './server-group.routes.ts';
import { serviceRoutes } from './service.routes.ts';
import { instanceActionRoutes } from './instance-action.routes.ts';
import { migrationRoutes } from './migration.routes.ts';
import { serverDiskRoutes } from './server-disk.routes.ts';
import { serverEditRoutes } from './server-edit.routes.ts';
import { serverMetadataRoutes, serverTagRoutes } from './server-metadata.routes.ts';
import { serverAddressRoutes, serverNicRoutes } from './server-network.routes.ts';
import { serverGuestRoutes } from './server-guest.routes.ts';
import { serverPowerRoutes } from './server-power.routes.ts';
import { serverRoutes } from './server.routes.ts';
import { usageRoutes } from './usage.routes.ts';

/** Nova's API below `/compute/v2.1`. */
export const computeApi = (world: ComputeWorld): Api<ComputeWorld> => ({
  name: 'compute',
  mounts: ['/compute'],
  world,
  // Nova's API before microversions: the same, always at the lowest one.
  alias: { path: '/v2', of: '/v2.1' },
  microversions: {
    serviceType: 'compute',
    min: versionMin,
    max: versionMax,
    legacyHeader: 'x-openstack-nova-api-version',
    applies: (path) => /^\/v2\.1\/./.test(path),
  },
  endpoints: [
    ...discoveryRoutes,
    ...extensionRoutes,
    ...flavorRoutes,
    ...keypairRoutes,
    ...quotaRoutes,
    ...aggregateRoutes,
    ...availabilityZoneRoutes,
    ...hostRoutes,
    ...hypervisorRoutes,
    ...imageProxyRoutes,
    ...networkProxyRoutes,
    ...securityGroupProxyRoutes,
    ...serverGroupRoutes,
    ...serviceRoutes,
    ...serverRoutes,
    ...serverPowerRoutes,
    ...serverGuestRoutes,
    ...serverDiskRoutes,
    ...serverEditRoutes,
    ...serverMetadataRoutes,
    ...serverTagRoutes,
    ...serverAddressRoutes,
    ...serverNicRoutes,
    ...instanceActionRoutes,
    ...migrationRoutes,
    ...usageRoutes,
  ],
  failureReply({ kind, message }, { isBug }) {
    const [name, code] = isBug ? (['computeFault', 500] as const) : faults[kind];
    return { status: code, body: { [name]: { code, message } } };
  },
  replyHeaders: ({ requestId }) => ({ 'x-compute-request-id': requestId }),
});

const faults: Readonly<Record<FailureKind, readonly [name: string, code: number]>> = {
  invalid: ['badRequest', 400],
  unauthenticated: ['unauthorized', 401],
  forbidden: ['forbidden', 403],
  not_found: ['itemNotFound', 404],
  method_not_allowed: ['badMethod', 405],
  not_acceptable: ['computeFault', 406],
  conflict: ['conflictingRequest', 409],
  precondition_failed: ['computeFault', 412],
  too_large: ['overLimit', 413],
  unsupported_media: ['badMediaType', 415],
  // Nova answers 403 where a quota is exceeded, whatever its documents say of 413.
  over_quota: ['forbidden', 403],
  no_capacity: ['conflictingRequest', 409],
  not_implemented: ['notImplemented', 501],
  unavailable: ['serviceUnavailable', 503],
};
