import type { Actor } from '../kernel/policy.ts';
import { applicationCredentialGet } from './application-credential.store.ts';
import { ec2BlobOf, ec2CredentialId } from './credential.ts';
import { credentialGet } from './credential.store.ts';
import { directoryLate } from './generation.ts';
import type { IdentityWorld } from './identity.world.ts';
import { actorIn } from './service-role.ts';
import { accessTokenBounds } from './oauth1.store.ts';
import { auditIdMake } from './token.ts';
import type { TokenClaims } from './token.model.ts';
import type { AccessKey } from './access-key.model.ts';
import { tokenStateRead } from './token-state.ts';
import { trustGet } from './trust.store.ts';
import type { Tx } from './identity.tables.ts';

/**
 * Looks up an access key; null where there is none, or where its user, project or every role in it is gone. Answered
 * from memory until the directory changes, so that a signature can be checked for each request.
 */
export async function accessKeyGet(
  world: IdentityWorld,
  access: string,
): Promise<AccessKey | null> {
  const { memory, clock } = world;
  const late = directoryLate(world);
  if (late !== null) await late;
  const known = memory.accessKeys.get(access);
  const isFresh = known?.state.generation === memory.generation;
  if (
    known !== undefined &&
    isFresh &&
    clock.now() < Math.min(known.endsAtMs, known.state.untilMs)
  ) {
    return known;
  }
  const { generation } = memory;
  const found = await accessKeyRead(world, access);
  // What changed between its reads may be the key itself: then it is not remembered.
  const isWhole = found !== null && found.state.generation === generation;
  if (isWhole) memory.accessKeys.set(access, found);
  else memory.accessKeys.delete(access);
  return found;
}

/** What the key does in one service: roles may be bound to it. */
export const accessKeyActor = ({ state }: AccessKey, service: string): Actor =>
  actorIn(state, [service]);

async function accessKeyRead(world: IdentityWorld, access: string): Promise<AccessKey | null> {
  const found = await world.db.read(async (tx) => {
    const credential = await credentialGet(tx, world, ec2CredentialId(access));
    if (credential?.type !== 'ec2' || credential.projectId === null) return null;
    const blob = ec2BlobOf(credential);
    const bounds = await boundsRead(tx, blob);
    if (bounds === null) return null;
    const { userId, projectId } = credential;
    return { userId, projectId, secret: blob.secret, blob, ...bounds };
  });
  if (found === null || found.secret === '') return null;
  const { secret, blob, endsAtMs } = found;
  const now = world.clock.now();
  const claims: TokenClaims = {
    methods: ['ec2credential'],
    userId: found.trusteeId ?? found.userId,
    scope: { kind: 'project', id: found.projectId },
    issuedAtMs: now,
    expiresAtMs: Math.min(now + world.settings.tokenLifeMs, endsAtMs),
    auditIds: [auditIdMake(world)],
    trustId: blob.trust_id,
    applicationCredentialId: blob.app_cred_id,
    accessTokenId: blob.access_token_id,
    assertionId: null,
  };
  if (endsAtMs <= now) return null;
  const state = await tokenStateRead(world, claims);
  return state === null ? null : { secret, claims, endsAtMs, state };
}

/** A key made by someone who was lent a scope is worth no more, and lives no longer, than what was lent. */
async function boundsRead(
  tx: Tx,
  blob: ReturnType<typeof ec2BlobOf>,
): Promise<{ readonly endsAtMs: number; readonly trusteeId: string | null } | null> {
  if (blob.access_token_id !== null) {
    const lent = await accessTokenBounds(tx, blob.access_token_id);
    return lent === null ? null : { endsAtMs: lent.expiresAtMs, trusteeId: null };
  }
  if (blob.trust_id !== null) {
    const trust = await trustGet(tx, blob.trust_id);
    if (trust === null) return null;
    const { trusteeId, expiresAtUs } = trust;
    return { endsAtMs: endOf(expiresAtUs), trusteeId };
  }
  if (blob.app_cred_id === null) return { endsAtMs: Infinity, trusteeId: null };
  const lent = await applicationCredentialGet(tx, blob.app_cred_id);
  return lent === null ? null : { endsAtMs: endOf(lent.expiresAtUs), trusteeId: null };
}

const endOf = (expiresAtUs: number | null): number =>
  expiresAtUs === null ? Infinity : Math.floor(expiresAtUs / 1000);
