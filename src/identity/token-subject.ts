import { applicationCredentialGet } from './application-credential.store.ts';
import { systemTarget, type RoleTarget } from './assignment.model.ts';
import { assignmentRoleIds } from './assignment.store.ts';
import { assertionGet, membershipsEndMs } from './federated-user.store.ts';
import type { Tx } from './identity.tables.ts';
import { accessTokenBounds } from './oauth1.store.ts';
import { ancestorIds, type Project } from './project.model.ts';
import { projectGet } from './project.store.ts';
import type { Snapshot } from './snapshot.model.ts';
import { rolesExpand, rolesIn } from './snapshot.ts';
import type { TokenClaims, TokenRole, TokenScope } from './token.model.ts';
import type { TokenSubject } from './token-subject.model.ts';
import { isTrustAlive, type Trust } from './trust.model.ts';
import { trustGet } from './trust.store.ts';
import type { UserAccount } from './user.model.ts';
import { userGet } from './user.store.ts';

/** Null where the user, the scope, what was lent, or every role in it is gone. */
export async function tokenSubjectRead(
  tx: Tx,
  claims: TokenClaims,
  { snapshot, nowMs }: { readonly snapshot: Snapshot; readonly nowMs: number },
): Promise<TokenSubject | null> {
  const bearer = await userRead(tx, claims.userId, snapshot);
  if (bearer === null) return null;
  const scope = await scopeRead(tx, claims.scope, snapshot);
  if (scope === null) return null;
  const assertion = claims.assertionId === null ? null : await assertionGet(tx, claims.assertionId);
  if (assertion === null && claims.assertionId !== null) return null;
  const untilMs = await membershipsEndMs(tx, bearer.id, nowMs);
  const lentBy = { trust: null, credential: null, accessToken: null };
  const base = { ...scope, user: bearer, ...lentBy, assertion, untilMs };
  const { target } = scope;
  if (target === null) return claims.trustId === null ? { ...base, roles: [] } : null;

  if (claims.trustId !== null) {
    const lent = await trustRead(tx, claims, { snapshot, nowMs, target });
    if (lent === null) return null;
    const { trust, trustor, roles, untilMs: trustUntilMs } = lent;
    const user = trust.isImpersonating ? trustor : bearer;
    return { ...base, user, trust, roles, untilMs: trustUntilMs };
  }
  const told = { groupIds: assertion?.groupIds ?? [] };
  const held = await assignmentRoleIds(tx, { userId: bearer.id, nowMs, ...told }, target);
  if (claims.applicationCredentialId !== null) {
    const credential = await applicationCredentialGet(tx, claims.applicationCredentialId);
    if (credential === null || credential.projectId !== target.id) return null;
    if (credential.userId !== bearer.id) return null;
    const { expiresAtUs } = credential;
    if (expiresAtUs !== null && expiresAtUs <= nowMs * 1000) return null;
    const roles = rolesLent(snapshot, credential.roleIds, held);
    return roles.length === 0 ? null : { ...base, credential, roles };
  }
  if (claims.accessTokenId !== null) {
    const accessToken = await accessTokenBounds(tx, claims.accessTokenId);
    if (accessToken === null || accessToken.projectId !== target.id) return null;
    if (accessToken.userId !== bearer.id || accessToken.expiresAtMs <= nowMs) return null;
    const roles = rolesLent(snapshot, accessToken.roleIds, held);
    return roles.length === 0 ? null : { ...base, accessToken, roles };
  }
  const roles = rolesIn(snapshot, held);
  return roles.length === 0 ? null : { ...base, roles };
}

/** What was lent of the roles that are still held. */
function rolesLent(
  snapshot: Snapshot,
  lent: readonly string[],
  held: readonly string[],
): TokenRole[] {
  const all = rolesExpand(snapshot, held);
  return rolesIn(
    snapshot,
    lent.filter((id) => all.has(id)),
  );
}

async function userRead(tx: Tx, id: string, { domains }: Snapshot): Promise<UserAccount | null> {
  const user = await userGet(tx, id);
  if (user?.isEnabled !== true) return null;
  return domains.get(user.domainId)?.isEnabled === true ? user : null;
}

/** A trust is worth what its trustor still holds: one role lost, and it gives nothing. */
async function trustRead(
  tx: Tx,
  { trustId, userId }: TokenClaims,
  {
    snapshot,
    nowMs,
    target,
  }: { readonly snapshot: Snapshot; readonly nowMs: number; readonly target: RoleTarget },
): Promise<{ trust: Trust; trustor: UserAccount; roles: TokenRole[]; untilMs: number } | null> {
  const trust = trustId === null ? null : await trustGet(tx, trustId);
  if (trust === null || !isTrustAlive(trust, nowMs)) return null;
  if (trust.trusteeId !== userId || trust.projectId !== target.id) return null;
  const trustor = await userRead(tx, trust.trustorId, snapshot);
  if (trustor === null) return null;
  const giver = await originRead(tx, trust, snapshot);
  if (giver === null) return null;
  const holder = { userId: giver.id, nowMs };
  const held = rolesExpand(snapshot, await assignmentRoleIds(tx, holder, target));
  if (!trust.roleIds.every((id) => held.has(id))) return null;
  const roles = rolesIn(snapshot, trust.roleIds);
  const untilMs = await membershipsEndMs(tx, giver.id, nowMs);
  return roles.length === 0 ? null : { trust, trustor, roles, untilMs };
}

/** The first trustor of a chain: the roles are his. Everybody on the way must still be there. */
async function originRead(tx: Tx, trust: Trust, snapshot: Snapshot): Promise<UserAccount | null> {
  let at: Trust = trust;
  while (at.redelegatedTrustId !== null) {
    const above = await trustGet(tx, at.redelegatedTrustId);
    if (above === null || (await userRead(tx, above.trusteeId, snapshot)) === null) return null;
    at = above;
  }
  return await userRead(tx, at.trustorId, snapshot);
}

/** Null: there is no such scope, or it is disabled. */
async function scopeRead(
  tx: Tx,
  scope: TokenScope,
  { domains }: Snapshot,
): Promise<{ readonly project: Project | null; readonly target: RoleTarget | null } | null> {
  switch (scope.kind) {
    case 'unscoped':
      return { project: null, target: null };
    case 'system':
      return { project: null, target: { ...systemTarget, ancestorIds: [] } };
    case 'domain':
      if (domains.get(scope.id)?.isEnabled !== true) return null;
      return { project: null, target: { kind: 'domain', id: scope.id, ancestorIds: [] } };
    case 'project': {
      const project = await projectGet(tx, scope.id);
      if (project?.isEnabled !== true) return null;
      if (domains.get(project.domainId ?? project.id)?.isEnabled !== true) return null;
      return {
        project,
        target: { kind: 'project', id: project.id, ancestorIds: ancestorIds(project) },
      };
    }
  }
}
