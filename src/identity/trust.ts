import { forbidden, invalid, type Failure } from '../kernel/errors.ts';
import type { Target } from '../kernel/policy.ts';
import type { Holder } from './assignment.model.ts';
import { assignmentRoleIds } from './assignment.store.ts';
import { isDelegated, refused } from './delegation.ts';
import { missing } from './failure.ts';
import { directoryWrite } from './generation.ts';
import type { Tx } from './identity.tables.ts';
import type { IdentityContext } from './identity.world.ts';
import { ancestorIds } from './project.model.ts';
import { projectGet } from './project.store.ts';
import { extraOf } from './reply.ts';
import type { Role } from './role.model.ts';
import { roleListByIds } from './role.store.ts';
import type { Snapshot } from './snapshot.model.ts';
import { rolesExpand, snapshotGet } from './snapshot.ts';
import { expiryParse } from './time-text.ts';
import type { TokenClaims } from './token.model.ts';
import { isTrustAlive, type Trust } from './trust.model.ts';
import type { TrustWanted } from './trust.schema.ts';
import {
  trustGet as trustRead,
  trustInsert,
  trustList as trustListRead,
  trustRemove,
} from './trust.store.ts';
import { userGet } from './user.store.ts';

const redelegationMax = 3;

const knownAttributes = [
  'trustor_user_id',
  'trustee_user_id',
  'impersonation',
  'project_id',
  'remaining_uses',
  'expires_at',
  'allow_redelegation',
  'redelegation_count',
  'roles',
  'roles_links',
  'deleted_at',
  'redelegated_trust_id',
];

export interface ShownTrust {
  readonly trust: Trust;
  readonly roles: readonly Role[];
}

const trustTarget = ({ trustorId, trusteeId }: Trust): Target => ({
  'target.trust.trustor_user_id': trustorId,
  'target.trust.trustee_user_id': trusteeId,
});

/** A trust-scoped token may hand on what it was given; other lent tokens have no say here. */
function callerCheck(claims: TokenClaims): void {
  if (isDelegated(claims)) throw refused('Delegated tokens cannot manage trusts.');
}

export async function trustCreate(
  context: IdentityContext,
  claims: TokenClaims,
  wanted: TrustWanted,
): Promise<ShownTrust> {
  const { world, actor, ids, clock } = context;
  const trustorId = wanted.trustor_user_id;
  context.authorize('identity:create_trust', { 'target.trust.trustor_user_id': trustorId });
  callerCheck(claims);
  const projectId = wanted.project_id ?? null;
  if (projectId !== null && (wanted.roles ?? []).length === 0) {
    throw refused('At least one role should be specified.');
  }
  if (actor.userId !== trustorId) {
    throw refused('The authenticated user should match the trustor.');
  }
  const snapshot = await snapshotGet(world);
  const expiresAtUs = expiryParse(wanted.expires_at, clock.now());
  return await world.db.write(async (tx) => {
    if ((await userGet(tx, wanted.trustee_user_id)) === null) {
      throw missing('user', wanted.trustee_user_id);
    }
    const source = claims.trustId === null ? null : await trustRead(tx, claims.trustId);
    if (claims.trustId !== null && source === null) throw missing('trust', claims.trustId);
    const roleIds = rolesChosen(snapshot, wanted);
    await rolesHeldCheck(tx, snapshot, {
      holder: { userId: source?.trustorId ?? trustorId, nowMs: clock.now() },
      projectId,
      roleIds,
    });
    const draft: Trust = {
      id: ids.hex(),
      trustorId,
      trusteeId: wanted.trustee_user_id,
      projectId,
      isImpersonating: wanted.impersonation,
      expiresAtUs,
      remainingUses: wanted.remaining_uses ?? null,
      redelegatedTrustId: source?.id ?? null,
      redelegationCount: redelegationOf(wanted, source),
      roleIds,
      extra: extraOf(wanted, knownAttributes),
    };
    const trust = source === null ? draft : redelegated(draft, source);
    await trustInsert(tx, trust);
    return { trust, roles: await roleListByIds(tx, roleIds) };
  });
}

function rolesChosen(snapshot: Snapshot, { roles = [] }: TrustWanted): string[] {
  return roles.map((wanted) => {
    if ('id' in wanted) return wanted.id;
    const found = [...snapshot.roles.values()].filter(({ name }) => name === wanted.name);
    const [role] = found;
    if (role === undefined) throw missing('role', wanted.name);
    if (found.length === 1) return role.id;
    throw invalid(
      `There are multiple role entities named '${wanted.name}'. Please use ID instead of names to resolve the ambiguity.`,
    );
  });
}

async function rolesHeldCheck(
  tx: Tx,
  snapshot: Snapshot,
  wanted: {
    readonly holder: Holder;
    readonly projectId: string | null;
    readonly roleIds: readonly string[];
  },
): Promise<void> {
  const { holder, projectId, roleIds } = wanted;
  let held = new Set<string>();
  if (projectId !== null) {
    const project = await projectGet(tx, projectId);
    if (project === null) throw missing('project', projectId);
    const target = { kind: 'project', id: projectId, ancestorIds: ancestorIds(project) } as const;
    held = rolesExpand(snapshot, await assignmentRoleIds(tx, holder, target));
  }
  const unheld = roleIds.find((id) => !held.has(id));
  if (unheld !== undefined) throw missing('role', unheld);
}

/** How often the new trust may be handed on. */
function redelegationOf(wanted: TrustWanted, source: Trust | null): number {
  const asked = wanted.redelegation_count ?? null;
  if (wanted.allow_redelegation !== true || asked === 0) return 0;
  if (wanted.remaining_uses != null) {
    throw invalid('remaining_uses must not be set if redelegation is allowed');
  }
  if (asked !== null && asked > redelegationMax) {
    throw forbidden(
      `Requested redelegation depth of ${asked} is greater than allowed ${redelegationMax}`,
    );
  }
  if (source === null) return asked ?? redelegationMax;
  const left = source.redelegationCount - 1;
  if (asked === null || asked === left) return left;
  throw forbidden(
    'Modifying "redelegation_count" upon redelegation is forbidden. Omitting this parameter is advised.',
  );
}

/** Nothing grows on the way: neither time, nor roles, nor the right to speak for the trustor. */
function redelegated(draft: Trust, source: Trust): Trust {
  const fail = (why: string): Failure => forbidden(why);
  if (source.redelegationCount <= 0 || source.redelegationCount > redelegationMax) {
    throw fail(
      `Remaining redelegation depth of ${source.redelegationCount} out of allowed range of [0..${redelegationMax}]`,
    );
  }
  if (draft.remainingUses !== null) {
    throw fail(
      `Field "remaining_uses" is set to ${draft.remainingUses} while it must not be set in order to redelegate a trust`,
    );
  }
  const { expiresAtUs: bound } = source;
  if (bound !== null && draft.expiresAtUs !== null && draft.expiresAtUs > bound) {
    throw fail('Requested expiration time is more than redelegated trust can provide');
  }
  if (!draft.roleIds.every((id) => source.roleIds.includes(id))) {
    throw fail('Some of requested roles are not in redelegated trust');
  }
  if (draft.isImpersonating && !source.isImpersonating) {
    throw fail(
      `Impersonation is not allowed because redelegated trust does not specify impersonation. Redelegated trust id: ${source.id}`,
    );
  }
  return { ...draft, expiresAtUs: draft.expiresAtUs ?? bound };
}

/** Unknown and expired trusts, and those used up, are 404 before any rule is asked. */
async function trustFind({ world, clock }: IdentityContext, id: string): Promise<ShownTrust> {
  return await world.db.read(async (tx) => {
    const trust = await trustRead(tx, id);
    if (trust === null || !isTrustAlive(trust, clock.now()) || trust.remainingUses === 0) {
      throw missing('trust', id);
    }
    return { trust, roles: await roleListByIds(tx, trust.roleIds) };
  });
}

export async function trustGet(
  context: IdentityContext,
  { id, claims }: { readonly id: string; readonly claims: TokenClaims },
  rule = 'identity:get_trust',
): Promise<ShownTrust> {
  const found = await trustFind(context, id);
  context.authorize(rule, trustTarget(found.trust));
  callerCheck(claims);
  return found;
}

export async function trustList(
  context: IdentityContext,
  claims: TokenClaims,
  query: URLSearchParams,
): Promise<Trust[]> {
  const trustorId = query.get('trustor_user_id');
  const trusteeId = query.get('trustee_user_id');
  if (trustorId !== null) {
    const target = { 'target.trust.trustor_user_id': trustorId };
    context.authorize('identity:list_trusts_for_trustor', target);
  }
  if (trusteeId !== null) {
    const target = { 'target.trust.trustee_user_id': trusteeId };
    context.authorize('identity:list_trusts_for_trustee', target);
  }
  if (trustorId === null && trusteeId === null) context.authorize('identity:list_trusts');
  callerCheck(claims);
  const trusts = await context.world.db.read((tx) =>
    trustListRead(tx, {
      ...(trustorId !== null && { trustor_id: trustorId }),
      ...(trusteeId !== null && { trustee_id: trusteeId }),
    }),
  );
  return trusts.filter((trust) => isTrustAlive(trust, context.clock.now()));
}

export async function trustDelete(
  context: IdentityContext,
  which: { readonly id: string; readonly claims: TokenClaims },
): Promise<void> {
  await trustGet(context, which, 'identity:delete_trust');
  await directoryWrite(context.world, (tx) => trustRemove(tx, which.id));
}
