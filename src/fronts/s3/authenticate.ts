import type { IncomingMessage } from 'node:http';
import type { AccessKey } from '../../object/identity.port.ts';
import type { ObjectWorld } from '../../object/object.world.ts';
import { badArgument, S3Failure } from './failure.ts';
import type { Caller, Payload } from './scene.ts';
import { claimOf, headerText, linkHeaders, type SignedView } from './signature/claim.ts';
import { claimV2Verify } from './signature/v2.ts';
import { claimV4Verify, payloadText, SigningKeys, type VerifiedV4 } from './signature/v4.ts';
import type { Address } from './wire/address.ts';
import type { QueryPairs } from './wire/uri.ts';

export interface Authenticated {
  readonly caller: Caller;
  readonly payload: Payload;
}

export const anonymous: Caller = {
  owner: null,
  account: null,
  userId: '',
  userName: '',
  accessKey: null,
  canRead: false,
  canWrite: false,
  signature: { version: null, isQuery: false, ageMs: 0 },
};

export const signingKeys = new SigningKeys();

/** Regions a client may sign for: ours, and the one that clients use when nobody told them. */
export const regionsOf = ({ settings }: ObjectWorld): readonly string[] => [
  settings.region,
  'us-east-1',
];

export interface Asked {
  readonly rawPath: string;
  readonly query: QueryPairs;
  readonly address: Address;
}

/** Who sends this, by its signature. A request without one comes from nobody in particular. */
export async function requestAuthenticate(
  world: ObjectWorld,
  request: IncomingMessage,
  { rawPath, query, address }: Asked,
): Promise<Authenticated> {
  const { headers } = request;
  const view: SignedView = {
    method: request.method ?? 'GET',
    rawPath,
    query,
    headers,
    hostBucket: address.isVirtual ? address.bucket : null,
  };
  const claim = claimOf(view);
  if (claim === null) {
    const text = headerText(headers, 'x-amz-content-sha256');
    return { caller: anonymous, payload: payloadAnonymous(text) };
  }
  // There are no temporary keys here.
  const isTemporary = (name: string): boolean => name.toLowerCase() === 'x-amz-security-token';
  if (headers['x-amz-security-token'] !== undefined || query.some(([name]) => isTemporary(name)))
    throw new S3Failure('InvalidToken');
  const key = await accessKeyFind(world, claim.accessKey);
  const nowMs = world.clock.now();
  if (claim.version === 2) {
    const asSigned = claim.isQuery ? { ...view, headers: linkHeaders(view, 2) } : view;
    claimV2Verify(claim, asSigned, key.secret, nowMs);
    const signature = { version: 2, isQuery: claim.isQuery, ageMs: 0 } as const;
    const text = headerText(asSigned.headers, 'x-amz-content-sha256');
    return {
      caller: callerOf(world, claim.accessKey, key, signature),
      payload: payloadClaimed(text ?? unsigned),
    };
  }
  const text = payloadText(claim, view);
  if (text === '') {
    throw new S3Failure(
      'InvalidRequest',
      'Missing required header for this request: x-amz-content-sha256',
    );
  }
  const secret = { text: key.secret, keys: signingKeys };
  const verified = claimV4Verify(claim, view, secret, { nowMs, regions: regionsOf(world) });
  const ageMs = Math.max(nowMs - verified.signedMs, 0);
  const signature = { version: 4, isQuery: claim.isQuery, ageMs } as const;
  return {
    caller: callerOf(world, claim.accessKey, key, signature),
    payload: claim.isQuery ? payloadClaimed(text) : payloadOf(text, verified),
  };
}

export async function accessKeyFind(world: ObjectWorld, accessKey: string): Promise<AccessKey> {
  const key = await world.identity.accessKeyFind(accessKey);
  if (key === null) {
    throw new S3Failure('InvalidAccessKeyId', undefined, {
      fields: { AWSAccessKeyId: accessKey.slice(0, 255) },
    });
  }
  return key;
}

const writers = new Set(['admin', 'member', 'manager', 'swiftoperator']);

export function callerOf(
  { settings }: ObjectWorld,
  accessKey: string,
  { actor }: AccessKey,
  signature: Caller['signature'],
): Caller {
  const { scope, roles } = actor;
  if (scope.kind !== 'project') throw new S3Failure('AccessDenied');
  const held = roles.map((role) => role.toLowerCase());
  const canWrite = held.some((role) => writers.has(role));
  return {
    owner: { id: scope.projectId, name: scope.projectName },
    account: settings.resellerPrefix + scope.projectId,
    userId: actor.userId,
    userName: actor.userName,
    accessKey,
    canRead: canWrite || held.includes('reader'),
    canWrite,
    signature,
  };
}

const unsigned = 'UNSIGNED-PAYLOAD';

/** Where the signature does not cover the header, it is a digest like any other: right or wrong. */
const payloadClaimed = (text: string): Payload =>
  text === unsigned ? { kind: 'unsigned' } : { kind: 'sha256', text };

const payloadAnonymous = (text: string | null): Payload =>
  text === 'STREAMING-UNSIGNED-PAYLOAD-TRAILER'
    ? { kind: 'chunked', signed: null, hasTrailers: true }
    : payloadClaimed(text ?? unsigned);

function payloadOf(text: string, signed: VerifiedV4): Payload {
  switch (text) {
    case unsigned:
      return { kind: 'unsigned' };
    case 'STREAMING-UNSIGNED-PAYLOAD-TRAILER':
      return { kind: 'chunked', signed: null, hasTrailers: true };
    case 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD':
    case 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER':
      return { kind: 'chunked', signed, hasTrailers: text.endsWith('TRAILER') };
    default:
      if (text.startsWith('STREAMING-AWS4-ECDSA-')) throw new S3Failure('NotImplemented');
      if (/^[0-9a-f]{64}$/i.test(text)) return { kind: 'sha256', text };
      throw badArgument(
        'x-amz-content-sha256',
        text.slice(0, 128),
        'x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 value.',
      );
  }
}
