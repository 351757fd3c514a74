import type { Context } from '../kernel/context.ts';
import { UniqueViolation } from '../kernel/db.ts';
import { conflict, Failure, invalid, notFound } from '../kernel/errors.ts';
import type { ComputeWorld } from './compute.world.ts';
import { fingerprintOf, sshKeyGenerate, type Keypair } from './keypair.model.ts';
import { keypairFind, keypairInsert, keypairRemove, keypairSelect } from './keypair.store.ts';
import { quotaLimits } from './quota.store.ts';

type KeypairContext = Context<ComputeWorld>;

export interface KeypairWish {
  readonly userId: string;
  readonly name: string;
  readonly type: Keypair['type'];
  /** Null: the cloud makes a pair. */
  readonly publicKey: string | null;
}

export async function keypairCreate(
  context: KeypairContext,
  { userId, name, type, publicKey }: KeypairWish,
): Promise<Omit<Keypair, 'number'> & { privateKey: string | null }> {
  context.authorize('os_compute_api:os-keypairs:create', { user_id: userId });
  nameCheck(context, name);
  if (publicKey === null && type === 'x509') {
    throw invalid('Keypair data is invalid: a certificate must be given as public_key.');
  }
  const made = publicKey === null ? await sshKeyGenerate() : { publicKey, privateKey: null };
  const fingerprint = fingerprintOf(type, made.publicKey);
  const keypair = { userId, name, type, fingerprint, createdAt: context.clock.now(), ...made };
  const { region, settings } = context.world;
  const { scope } = context.actor;
  const projectId = scope.kind === 'project' ? scope.projectId : '';
  try {
    const isInside = await region.write(async (tx) => {
      const limits = await quotaLimits(tx, { projectId, userId }, settings.quotas);
      return keypairInsert(tx, keypair, limits.key_pairs);
    });
    if (!isInside) throw new Failure('over_quota', 'Quota exceeded, too many key pairs.');
  } catch (error) {
    if (!(error instanceof UniqueViolation)) throw error;
    throw conflict(`Key pair '${name}' already exists.`, { cause: error });
  }
  return keypair;
}

function nameCheck(context: KeypairContext, name: string): void {
  const allowed = context.since('2.92') ? /^[\w @.-]+$/ : /^[\w -]+$/;
  if (allowed.test(name) && name.trim() === name) return;
  throw invalid('Keypair data is invalid: Keypair name contains unsafe characters');
}

export async function keypairGet(
  context: KeypairContext,
  userId: string,
  name: string,
): Promise<Keypair> {
  context.authorize('os_compute_api:os-keypairs:show', { user_id: userId });
  const keypair = await context.world.region.read((tx) => keypairFind(tx, userId, name));
  if (keypair === null) throw notFound(`Keypair ${name} not found for user ${userId}`);
  return keypair;
}

export async function keypairList(context: KeypairContext, userId: string): Promise<Keypair[]> {
  context.authorize('os_compute_api:os-keypairs:index', { user_id: userId });
  return context.world.region.read((tx) => keypairSelect(tx, userId));
}

export async function keypairDelete(
  context: KeypairContext,
  userId: string,
  name: string,
): Promise<void> {
  context.authorize('os_compute_api:os-keypairs:delete', { user_id: userId });
  const isGone = await context.world.region.write((tx) => keypairRemove(tx, userId, name));
  if (!isGone) throw notFound(`Keypair ${name} not found for user ${userId}`);
}
