import type { Failure, FailureKind } from '../kernel/errors.ts';
import { invalid, notFound } from '../kernel/errors.ts';
import type { FailureFacts } from '../kernel/http/api.ts';
import type { Reply } from '../kernel/http/endpoint.ts';

const statuses: Readonly<Record<FailureKind, readonly [code: number, title: string]>> = {
  invalid: [400, 'Bad Request'],
  unauthenticated: [401, 'Unauthorized'],
  forbidden: [403, 'Forbidden'],
  over_quota: [403, 'Forbidden'],
  not_found: [404, 'Not Found'],
  method_not_allowed: [405, 'Method Not Allowed'],
  not_acceptable: [406, 'Not Acceptable'],
  conflict: [409, 'Conflict'],
  precondition_failed: [412, 'Precondition Failed'],
  too_large: [413, 'Request Entity Too Large'],
  unsupported_media: [415, 'Unsupported Media Type'],
  not_implemented: [501, 'Not Implemented'],
  no_capacity: [503, 'Service Unavailable'],
  unavailable: [503, 'Service Unavailable'],
};

export const statusOf = ({ kind }: Failure): number => statuses[kind][0];

/** Keystone's envelope. */
export function failureReply(failure: Failure, { isBug }: FailureFacts, authUri: string): Reply {
  const [code, title] = isBug ? [500, 'Internal Server Error'] : statuses[failure.kind];
  return {
    status: code,
    headers: code === 401 ? { 'WWW-Authenticate': `Keystone uri="${authUri}"` } : {},
    body: { error: { code, message: failure.message, title } },
  };
}

export const expecting = (attribute: string, where: string): Failure =>
  invalid(
    `Expecting to find ${attribute} in ${where}. The server could not comply with the request since it is either malformed or otherwise incorrect. The client is assumed to be in error.`,
  );

/** `Could not find user: 1234.` */
export const missing = (what: string, id: string): Failure =>
  notFound(`Could not find ${what}: ${id}.`);
