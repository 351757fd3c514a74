import { isoMicroseconds } from '../kernel/clock.ts';
import type { Actor, ActorScope } from '../kernel/policy.ts';
import { catalogJson } from './catalog.ts';
import { directoryLate } from './generation.ts';
import type { Assertion } from './federation.model.ts';
import type { IdentityWorld } from './identity.world.ts';
import type { Project } from './project.model.ts';
import { serviceActors } from './service-role.ts';
import type { Snapshot } from './snapshot.model.ts';
import { snapshotGet } from './snapshot.ts';
import { tokenDecode } from './token.codec.ts';
import type { TokenClaims, TokenScope, TokenState } from './token.model.ts';
import type { KnownSubject, TokenSubject } from './token-subject.model.ts';
import type { UserAccount } from './user.model.ts';
import { tokenSubjectRead } from './token-subject.ts';

/**
 * What a token is worth now; null for one that is expired, revoked, or not ours. The database is read only when the
 * directory has changed since this process last saw the token.
 */
export async function tokenResolve(
  world: IdentityWorld,
  text: string,
  graceMs = 0,
): Promise<TokenState | null> {
  const { memory, clock, tokenKeys } = world;
  const late = directoryLate(world);
  if (late !== null) await late;
  const known = memory.tokens.get(text);
  if (known?.generation === memory.generation) {
    const now = clock.now();
    if (now >= known.claims.expiresAtMs + graceMs) return null;
    if (now < known.untilMs) return known;
  }
  const claims = known?.claims ?? tokenDecode(tokenKeys, text);
  if (claims === null || clock.now() >= claims.expiresAtMs + graceMs) {
    memory.tokens.delete(text);
    return null;
  }
  const state = await tokenStateRead(world, claims);
  if (state === null) memory.tokens.delete(text);
  else memory.tokens.set(text, state);
  return state;
}

/** When something that was lent ends by time is checked before a token is issued, and bounds its life. */
async function subjectGet(
  { db, memory, clock }: IdentityWorld,
  claims: TokenClaims,
  { generation, snapshot }: { readonly generation: number; readonly snapshot: Snapshot },
): Promise<KnownSubject | null> {
  const { userId, scope, trustId, applicationCredentialId, accessTokenId, assertionId } = claims;
  const lent = [trustId, applicationCredentialId, accessTokenId, assertionId];
  const key = JSON.stringify([userId, scope, lent]);
  const nowMs = clock.now();
  const known = memory.subjects.get(key);
  if (known?.generation === generation && nowMs < known.subject.untilMs) return known;
  const facts = { snapshot, nowMs };
  const subject = await db.read((tx) => tokenSubjectRead(tx, claims, facts));
  if (subject === null) {
    memory.subjects.delete(key);
    return null;
  }
  const fresh = { generation, subject, shown: subjectShown(subject, scope, snapshot) };
  memory.subjects.set(key, fresh);
  return fresh;
}

/** Null where the token is worth nothing, or was revoked. */
export async function tokenStateRead(
  world: IdentityWorld,
  claims: TokenClaims,
): Promise<TokenState | null> {
  const { memory } = world;
  const { generation } = memory;
  const snapshot = await snapshotGet(world);
  const known = await subjectGet(world, claims, { generation, snapshot });
  if (known === null) return null;
  const { subject } = known;
  const { user, project, target, roles, trust, credential } = subject;
  const domainIds = [user.domainId, ...(project?.domainId == null ? [] : [project.domainId])];
  const userIds = [user.id, ...(trust === null ? [] : [trust.trustorId])];
  if (memory.isRevoked(claims, { domainIds, userIds })) return null;
  const actor = actorOf(claims, subject);
  return {
    generation,
    untilMs: subject.untilMs,
    claims,
    roles,
    accessRules: credential?.accessRules ?? [],
    actor,
    serviceActors: serviceActors(actor, roles, snapshot),
    head: tokenHead(claims, known),
    catalog:
      target === null
        ? null
        : { projectId: project?.id ?? null, userId: trust?.trustorId ?? user.id },
  };
}

function actorOf(claims: TokenClaims, { user, project, roles }: TokenSubject): Actor {
  return {
    userId: user.id,
    userName: user.name,
    userDomainId: user.domainId,
    roles: roles.map(({ name }) => name),
    scope: actorScope(claims.scope, project),
    serviceRoles: [],
    auditId: claims.auditIds.at(-1) ?? '',
  };
}

function actorScope(scope: TokenScope, project: Project | null): ActorScope {
  if (scope.kind === 'domain') return { kind: 'domain', domainId: scope.id };
  if (project === null) return { kind: scope.kind === 'system' ? 'system' : 'unscoped' };
  return {
    kind: 'project',
    projectId: project.id,
    projectName: project.name,
    domainId: project.domainId ?? project.id,
  };
}

/** The token as the API shows it, without the brackets that close it. */
function tokenHead(claims: TokenClaims, { shown }: KnownSubject): string {
  const own = {
    methods: claims.methods,
    audit_ids: claims.auditIds,
    expires_at: isoMicroseconds(claims.expiresAtMs),
    issued_at: isoMicroseconds(claims.issuedAtMs),
  };
  return `{"token":${JSON.stringify(own).slice(0, -1)},${shown}`;
}

/** What is the same in all tokens of a user and scope: members of the object that shows a token. */
function subjectShown(subject: TokenSubject, scope: TokenScope, { domains }: Snapshot): string {
  const domain = (id: string) => ({ id, name: domains.get(id)?.name ?? id });
  const { user, project, roles, assertion } = subject;
  const shown = {
    user: {
      domain: domain(user.domainId),
      id: user.id,
      name: user.name,
      ...(federationHead(assertion) ?? passwordHead(user)),
    },
    ...(project !== null && {
      project: {
        domain: domain(project.domainId ?? project.id),
        id: project.id,
        name: project.name,
      },
      is_domain: project.isDomain,
    }),
    ...(scope.kind === 'domain' && { domain: domain(scope.id) }),
    ...(scope.kind === 'system' && { system: { all: true } }),
    ...(scope.kind !== 'unscoped' && { roles }),
    ...delegationHead(subject),
  };
  return JSON.stringify(shown).slice(1, -1);
}

/** Keystone leaves the Z off here. */
const passwordHead = ({ passwordExpiresAtMs: atMs }: UserAccount) => ({
  password_expires_at: atMs === null ? null : isoMicroseconds(atMs).slice(0, -1),
});

/** Null for who has an account here, whoever opened it. */
const federationHead = (assertion: Assertion | null) =>
  assertion?.groupIds == null
    ? null
    : {
        'OS-FEDERATION': {
          groups: assertion.groupIds.map((id) => ({ id })),
          identity_provider: { id: assertion.idpId },
          protocol: { id: assertion.protocolId },
        },
      };

function delegationHead({ trust, credential, accessToken }: TokenSubject): object {
  return {
    ...(accessToken !== null && {
      'OS-OAUTH1': { access_token_id: accessToken.id, consumer_id: accessToken.consumerId },
    }),
    ...(trust !== null && {
      'OS-TRUST:trust': {
        id: trust.id,
        trustor_user: { id: trust.trustorId },
        trustee_user: { id: trust.trusteeId },
        impersonation: trust.isImpersonating,
      },
    }),
    ...(credential !== null && {
      application_credential: {
        id: credential.id,
        name: credential.name,
        restricted: !credential.isUnrestricted,
        ...(credential.accessRules.length > 0 && { access_rules: credential.accessRules }),
      },
    }),
  };
}

export async function tokenJson(
  world: IdentityWorld,
  { head, catalog }: TokenState,
  withCatalog: boolean,
): Promise<string> {
  if (catalog === null || !withCatalog) return `${head}}}`;
  return `${head},"catalog":${catalogJson(await snapshotGet(world), catalog)}}}`;
}
