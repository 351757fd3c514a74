import { Failure, forbidden } from '../kernel/errors.ts';
import { attemptRecord } from './attempt.ts';
import { unauthenticated } from './auth-failure.ts';
import {
  credentialIdentify,
  passwordIdentify,
  tokenIdentify,
  type Identified,
} from './auth-method.ts';
import { backOffFailure, backOffWait } from './back-off.ts';
import { refused } from './delegation.ts';
import { expecting, missing } from './failure.ts';
import { assertionGet } from './federated-user.store.ts';
import { federatedIdentify, type Evidence } from './federated-log-in.ts';
import type { ProtocolNamed } from './federation-protocol.ts';
import type { IdentityContext, IdentityWorld } from './identity.world.ts';
import {
  methodsMissing,
  receiptJoin,
  receiptMake,
  receiptOpen,
  receiptSeal,
  receiptView,
  type Receipt,
} from './multi-factor.ts';
import type { AccessToken } from './oauth1.model.ts';
import type { OAuthRequest } from './oauth1-signature.ts';
import { oauth1Identify } from './oauth1.ts';
import { projectGet, projectGetByName } from './project.store.ts';
import { snapshotGet } from './snapshot.ts';
import { totpIdentify } from './totp.ts';
import { isTrustAlive } from './trust.model.ts';
import { trustConsume, trustGet } from './trust.store.ts';
import { auditIdMake, tokenIssue, type IssuedToken } from './token.ts';
import { authMethods, type TokenClaims, type TokenScope } from './token.model.ts';
import type { AuthWanted, ScopeWanted } from './token.schema.ts';

/** Logs in: who it is by every method named, then which scope, then the token. Each attempt is an audit event. */
export async function authenticate(
  context: IdentityContext,
  auth: AuthWanted,
  came: Came,
): Promise<IssuedToken | MoreNeeded> {
  const prove = () => identify(context, auth, came);
  return await logIn(context, prove, { receipt: came.receipt, scope: auth.scope });
}

/** The same for somebody whom an identity provider has sent. */
export async function federatedAuthenticate(
  context: IdentityContext,
  named: ProtocolNamed,
  came: { readonly evidence: Evidence; readonly receipt: string | null },
): Promise<IssuedToken | MoreNeeded> {
  const prove = () => federatedIdentify(context.world, named, came.evidence);
  return await logIn(context, prove, { receipt: came.receipt, scope: undefined });
}

async function logIn(
  context: IdentityContext,
  prove: () => Promise<Identified>,
  {
    receipt: receiptText,
    scope,
  }: {
    readonly receipt: string | null;
    readonly scope: AuthWanted['scope'] | undefined;
  },
): Promise<IssuedToken | MoreNeeded> {
  let who: Identified | null = null;
  await backOffWait(context);
  try {
    const receipt = receiptGet(context, receiptText);
    who = receiptJoin(await prove(), receipt);
    if (receipt !== null && receipt.userId !== who.user.id) {
      throw unauthenticated('the receipt is of another user', who.user.id);
    }
    const missingMethods = methodsMissing(who, knownMethods);
    if (missingMethods !== null) {
      attemptRecord(context, who, unauthenticated('the rules of the user ask for more methods'));
      return await moreNeeded(context.world, who, missingMethods);
    }
    const issued = await tokenFor(context, who, scope);
    attemptRecord(context, who, null);
    return issued;
  } catch (error) {
    if (error instanceof Failure) {
      if (error.kind === 'unauthenticated') backOffFailure(context);
      attemptRecord(context, who, error);
    }
    throw error;
  }
}

/** How the request came: one method is a signature of the request itself. */
export interface Came {
  readonly oauth: OAuthRequest;
  readonly receipt: string | null;
}

/** One factor was right and another is asked for. */
export interface MoreNeeded {
  readonly receiptText: string;
  readonly receipt: object;
  readonly methods: readonly (readonly string[])[];
}

function receiptGet({ world }: IdentityContext, text: string | null): Receipt | null {
  if (text === null) return null;
  const receipt = receiptOpen(world, text);
  if (receipt === null) throw unauthenticated('the receipt is unknown or too old');
  return receipt;
}

async function moreNeeded(
  world: IdentityWorld,
  who: Identified,
  methods: string[][],
): Promise<MoreNeeded> {
  const receipt = receiptMake(world, who);
  const view = await receiptView(world, who, receipt);
  return { receiptText: receiptSeal(world, receipt), receipt: view, methods };
}

async function identify(
  context: IdentityContext,
  { identity }: AuthWanted,
  came: Came,
): Promise<Identified> {
  const chosen = [...new Set(identity.methods)].map((method) => {
    if (!(method in identity)) throw expecting(method, 'identity');
    const proof = proofs.get(method);
    if (proof === undefined) throw unauthenticated('an unsupported method');
    return proof;
  });
  let found: Identified | null = null;
  for (const proof of chosen) {
    const next: Identified = await proof(context.world, identity, came);
    if (found !== null && found.user.id !== next.user.id) {
      throw unauthenticated('the methods name different users');
    }
    found = found === null ? next : identifiedMerge(found, next);
  }
  if (found === null) throw expecting('methods', 'identity');
  return found;
}

type Proof = (
  world: IdentityWorld,
  identity: AuthWanted['identity'],
  came: Came,
) => Promise<Identified>;

const proofs: ReadonlyMap<string, Proof> = new Map([
  ['password', (world, { password }) => passwordIdentify(world, password?.user)],
  ['token', (world, { token }) => tokenIdentify(world, token)],
  ['totp', (world, { totp }) => totpIdentify(world, totp)],
  ['oauth1', (world, _, { oauth }) => oauth1Identify(world, oauth)],
  [
    'application_credential',
    (world, { application_credential }) => credentialIdentify(world, application_credential),
  ],
] satisfies [string, Proof][]);

const knownMethods: ReadonlySet<string> = new Set([...proofs.keys(), 'mapped', 'openid']);

const identifiedMerge = (a: Identified, b: Identified): Identified => ({
  user: a.user,
  methods: authMethods.filter((method) => a.methods.includes(method) || b.methods.includes(method)),
  expiresAtMs: Math.min(a.expiresAtMs, b.expiresAtMs),
  chainId: a.chainId ?? b.chainId,
  isSystemScoped: a.isSystemScoped || b.isSystemScoped,
  applicationCredential: a.applicationCredential ?? b.applicationCredential,
  accessToken: a.accessToken ?? b.accessToken,
  assertionId: a.assertionId ?? b.assertionId,
  provedAtMs: earlier(a.provedAtMs, b.provedAtMs),
});

const earlier = (a: number | null, b: number | null): number | null =>
  a === null || b === null ? (a ?? b) : Math.min(a, b);

async function tokenFor(
  context: IdentityContext,
  who: Identified,
  wanted: AuthWanted['scope'] | undefined,
): Promise<IssuedToken> {
  const { applicationCredential, accessToken } = who;
  if (accessToken !== null) return await lentIssue(context, who, accessToken, wanted);
  if (applicationCredential !== null) {
    if (wanted !== undefined) {
      throw new Failure(
        'unauthenticated',
        'Error authenticating with application credential: Application credentials cannot request a scope.',
      );
    }
    return await scopedIssue(context, who, {
      scope: { kind: 'project', id: applicationCredential.projectId },
      applicationCredentialId: applicationCredential.id,
    });
  }
  if (typeof wanted === 'object' && wanted['OS-TRUST:trust'] !== undefined) {
    scopeKindOf(wanted);
    return await trustIssue(context, who, wanted['OS-TRUST:trust'].id);
  }
  const scope = wanted === undefined ? null : await scopeFind(context, wanted);
  if (who.isSystemScoped && (scope?.kind === 'project' || scope?.kind === 'domain')) {
    throw refused(
      'Using a system-scoped token to create a project-scoped or domain-scoped token is not allowed.',
    );
  }
  if (scope !== null) return await scopedIssue(context, who, { scope });
  // Without a scope the user's default project is meant, but only where it can be had.
  const defaultProjectId = await defaultProjectOf(context, who);
  const byDefault =
    defaultProjectId === null
      ? null
      : await tokenIssue(
          context.world,
          claimsOf(context, who, { scope: { kind: 'project', id: defaultProjectId } }),
        );
  return byDefault ?? (await scopedIssue(context, who, { scope: { kind: 'unscoped' } }));
}

/** Null for a guest, who is here as a provider says. */
async function defaultProjectOf(
  { world }: IdentityContext,
  { user: { defaultProjectId }, assertionId }: Identified,
): Promise<string | null> {
  if (defaultProjectId === null || assertionId === null) return defaultProjectId;
  const assertion = await world.db.read((tx) => assertionGet(tx, assertionId));
  return assertion?.groupIds === null ? defaultProjectId : null;
}

/** OAuth1: the project was chosen when the roles were lent. */
async function lentIssue(
  context: IdentityContext,
  who: Identified,
  { id, projectId }: AccessToken,
  wanted: AuthWanted['scope'] | undefined,
): Promise<IssuedToken> {
  const asked = wanted === undefined ? null : await scopeFind(context, wanted);
  if (asked !== null && !(asked.kind === 'project' && asked.id === projectId)) {
    throw unauthenticated('the access token was lent for another scope', who.user.id);
  }
  const scope = { kind: 'project', id: projectId } as const;
  return await scopedIssue(context, who, { scope, accessTokenId: id });
}

type Bounds = Pick<TokenClaims, 'scope'> &
  Partial<
    Pick<
      TokenClaims,
      'trustId' | 'applicationCredentialId' | 'accessTokenId' | 'assertionId' | 'expiresAtMs'
    >
  >;

const claimsOf = ({ world }: IdentityContext, who: Identified, bounds: Bounds): TokenClaims => ({
  methods: who.methods,
  userId: who.user.id,
  issuedAtMs: who.provedAtMs ?? world.clock.now(),
  expiresAtMs: who.expiresAtMs,
  auditIds: [auditIdMake(world), ...(who.chainId === null ? [] : [who.chainId])],
  trustId: null,
  applicationCredentialId: null,
  accessTokenId: null,
  assertionId: who.assertionId,
  ...bounds,
});

async function scopedIssue(
  context: IdentityContext,
  who: Identified,
  bounds: Bounds,
): Promise<IssuedToken> {
  const issued = await tokenIssue(context.world, claimsOf(context, who, bounds));
  if (issued !== null) return issued;
  throw unauthenticated('no role in the scope, or the scope is disabled', who.user.id);
}

/** Each token of a bounded trust is one use; the count is taken when all else is well. */
async function trustIssue(
  context: IdentityContext,
  who: Identified,
  trustId: string | undefined,
): Promise<IssuedToken> {
  const { world } = context;
  if (trustId === undefined) throw expecting('trust_id', 'trust');
  const trust = await world.db.read((tx) => trustGet(tx, trustId));
  if (trust === null || !isTrustAlive(trust, world.clock.now())) throw missing('trust', trustId);
  if (trust.trusteeId !== who.user.id) throw refused('User is not a trustee.');
  if (trust.projectId === null) throw refused('The trust has no project to be scoped to.');
  const endsAtMs = trust.expiresAtUs === null ? Infinity : Math.floor(trust.expiresAtUs / 1000);
  const issued = await tokenIssue(
    world,
    claimsOf(context, who, {
      scope: { kind: 'project', id: trust.projectId },
      trustId,
      // The roles are the trustor's, whoever vouches for the trustee.
      assertionId: null,
      expiresAtMs: Math.min(who.expiresAtMs, endsAtMs),
    }),
  );
  if (issued === null) throw refused('Trustee has no delegated roles.');
  const isLeft = await world.db.write((tx) => trustConsume(tx, trustId));
  if (!isLeft) throw forbidden(`No remaining uses for trust: ${trustId}.`);
  return issued;
}

/** An unknown project or domain is the same 401 as a wrong password. */
async function scopeFind(
  context: IdentityContext,
  wanted: NonNullable<AuthWanted['scope']>,
): Promise<TokenScope> {
  if (typeof wanted === 'string') {
    if (wanted !== 'unscoped') throw scopeUnclear();
    return { kind: 'unscoped' };
  }
  const kind = scopeKindOf(wanted);
  switch (kind) {
    case 'unscoped':
    case 'system':
      return { kind };
    case 'domain':
      return { kind, id: await domainFind(context, wanted.domain ?? {}, 'scope/domain') };
    case 'project':
      return { kind, id: await projectFind(context, wanted.project ?? {}) };
    case 'OS-TRUST:trust':
      throw scopeUnclear();
  }
}

const scopeKinds = ['project', 'domain', 'system', 'unscoped', 'OS-TRUST:trust'] as const;

function scopeKindOf(wanted: ScopeWanted): (typeof scopeKinds)[number] {
  const [kind, ...more] = scopeKinds.filter((name) => name in wanted);
  if (kind === undefined || more.length > 0) throw scopeUnclear();
  return kind;
}

const scopeUnclear = (): Failure =>
  expecting('system, project, domain, OS-TRUST:trust or unscoped', 'scope');

async function domainFind(
  { world }: IdentityContext,
  { id, name }: { id?: string | undefined; name?: string | undefined },
  where: string,
): Promise<string> {
  if (id === undefined && name === undefined) {
    throw new Failure('invalid', `Invalid input for field ${where}: id or name must be present.`);
  }
  const { domains } = await snapshotGet(world);
  const domain =
    name === undefined
      ? domains.get(id ?? '')
      : [...domains.values()].find((candidate) => candidate.name === name);
  if (domain?.isEnabled !== true) throw unauthenticated('no such domain, or it is disabled');
  return domain.id;
}

async function projectFind(
  context: IdentityContext,
  { id, name, domain }: NonNullable<ScopeWanted['project']>,
): Promise<string> {
  const { db } = context.world;
  if (name === undefined) {
    if (id === undefined) {
      const message = 'Invalid input for field scope/project: id or name must be present.';
      throw new Failure('invalid', message);
    }
    const project = await db.read((tx) => projectGet(tx, id));
    if (project === null) throw unauthenticated('no such project');
    return project.id;
  }
  if (domain === undefined) throw expecting('domain', 'project');
  const domainId = await domainFind(context, domain, 'scope/project/domain');
  const project = await db.read((tx) => projectGetByName(tx, name, domainId));
  if (project === null) throw unauthenticated('no such project');
  return project.id;
}
