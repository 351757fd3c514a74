import type { FailureKind } from '../kernel/errors.ts';
import { STATUS_CODES } from 'node:http';
import type { Api } from '../kernel/http/api.ts';
import type { ComputeWorld } from './compute.world.ts';
import { placementRoutes, placementVersionMax, placementVersionMin } from './placement.routes.ts';

/**
 * Placement's API over the hosts and claims of the cell: what operators and their tools read. Claims are made by
 * compute alone, so nothing here writes an allocation.
 */
export const placementApi = (world: ComputeWorld): Api<ComputeWorld> => ({
  name: 'placement',
  mounts: ['/placement'],
  world,
  microversions: {
    serviceType: 'placement',
    min: placementVersionMin,
    max: placementVersionMax,
    applies: () => true,
  },
  endpoints: placementRoutes,
  failureReply({ kind, message, type }, { isBug, requestId, version }) {
    const status = isBug ? 500 : statusOf[kind];
    const code = type ?? (isBug ? 'placement.undefined_code' : codeOf[kind]);
    const showsCode = version !== null && (version.major > 1 || version.minor >= 23);
    const error = {
      status,
      request_id: requestId,
      detail: `${message}\n\n   `,
      title: STATUS_CODES[status] ?? 'Error',
      ...(showsCode && { code: code ?? 'placement.undefined_code' }),
    };
    return { status, body: { errors: [error] } };
  },
});

const statusOf: Readonly<Record<FailureKind, number>> = {
  invalid: 400,
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  method_not_allowed: 405,
  not_acceptable: 406,
  conflict: 409,
  precondition_failed: 412,
  too_large: 413,
  unsupported_media: 415,
  over_quota: 409,
  no_capacity: 409,
  not_implemented: 501,
  unavailable: 503,
};
const codeOf: Partial<Record<FailureKind, string>> = {
  invalid: 'placement.query.bad_value',
  conflict: 'placement.concurrent_update',
};
