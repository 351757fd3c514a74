import { Failure } from '../kernel/errors.ts';
import type { Actor } from '../kernel/policy.ts';
import {
  passwordIdentify,
  tokenIdentify,
  unauthenticated,
  type Identified,
} from './auth-method.ts';
import { expecting } from './failure.ts';
import type { IdentityContext } from './identity.world.ts';
import { projectGet, projectGetByName } from './project.store.ts';
import { snapshotGet } from './snapshot.ts';
import { auditIdMake, tokenIssue, type IssuedToken } from './token.ts';
import { authMethods, type AuthMethod, type TokenScope } from './token.model.ts';
import type { AuthWanted, ScopeWanted } from './token.schema.ts';

/** Logs in: who it is by every method named, then which scope, then the token. Each attempt is an audit event. */
export async function authenticate(
  context: IdentityContext,
  auth: AuthWanted,
): Promise<IssuedToken> {
  let who: Identified | null = null;
  try {
    who = await identify(context, auth);
    const issued = await tokenFor(context, who, auth.scope);
    attemptRecord(context, who, null);
    return issued;
  } catch (error) {
    if (error instanceof Failure) attemptRecord(context, who, error);
    throw error;
  }
}

async function identify(context: IdentityContext, { identity }: AuthWanted): Promise<Identified> {
  const methods = [...new Set(identity.methods)];
  const [first] = methods;
  if (first === undefined) throw expecting('methods', 'identity');
  for (const method of methods) {
    if (!(method in identity)) throw expecting(method, 'identity');
    if (!isSupported(method)) throw unauthenticated('an unsupported method');
  }
  let found: Identified | null = null;
  for (const method of methods) {
    const next = await identifyBy(context, method as AuthMethod, identity);
    if (found !== null && found.user.id !== next.user.id) {
      throw unauthenticated('the methods name different users');
    }
    found = found === null ? next : identifiedMerge(found, next);
  }
  return found ?? raise();
}

const raise = (): never => {
  throw unauthenticated('no method');
};

const isSupported = (method: string): boolean => method === 'password' || method === 'token';

function identifyBy(
  context: IdentityContext,
  method: AuthMethod,
  identity: AuthWanted['identity'],
): Promise<Identified> {
  return method === 'token'
    ? tokenIdentify(context.world, identity.token)
    : passwordIdentify(context.world, identity.password?.user);
}

const identifiedMerge = (a: Identified, b: Identified): Identified => ({
  user: a.user,
  methods: authMethods.filter((method) => a.methods.includes(method) || b.methods.includes(method)),
  expiresAtMs: Math.min(a.expiresAtMs, b.expiresAtMs),
  chainId: a.chainId ?? b.chainId,
  isSystemScoped: a.isSystemScoped || b.isSystemScoped,
});

async function tokenFor(
  context: IdentityContext,
  who: Identified,
  wanted: AuthWanted['scope'],
): Promise<IssuedToken> {
  const { world } = context;
  mfaCheck(who);
  const base = {
    methods: who.methods,
    userId: who.user.id,
    issuedAtMs: world.clock.now(),
    expiresAtMs: who.expiresAtMs,
    auditIds: [auditIdMake(world), ...(who.chainId === null ? [] : [who.chainId])],
    trustId: null,
    applicationCredentialId: null,
  };
  const scope = wanted === undefined ? null : await scopeFind(context, wanted);
  if (who.isSystemScoped && (scope?.kind === 'project' || scope?.kind === 'domain')) {
    throw new Failure(
      'forbidden',
      'You are not authorized to perform the requested action: Using a system-scoped token to create a project-scoped or domain-scoped token is not allowed.',
    );
  }
  if (scope !== null) {
    const issued = await tokenIssue(world, { ...base, scope });
    if (issued === null) throw unauthenticated('no role in the scope, or the scope is disabled');
    return issued;
  }
  // Without a scope the user's default project is meant, but only where it can be had.
  const { defaultProjectId } = who.user;
  const byDefault =
    defaultProjectId === null
      ? null
      : await tokenIssue(world, { ...base, scope: { kind: 'project', id: defaultProjectId } });
  const issued = byDefault ?? (await tokenIssue(world, { ...base, scope: { kind: 'unscoped' } }));
  if (issued === null) throw unauthenticated('the user is disabled');
  return issued;
}

/** Keystone's option: lists of methods, one of which must be complete. */
function mfaCheck({ user, methods }: Identified): void {
  const rules = user.options['multi_factor_auth_rules'];
  if (user.options['multi_factor_auth_enabled'] === false || !Array.isArray(rules)) return;
  const lists = (rules as readonly (readonly string[])[]).filter((rule) =>
    rule.every((method) => isSupported(method)),
  );
  if (lists.length === 0) return;
  const isMet = lists.some((rule) =>
    rule.every((method) => methods.includes(method as AuthMethod)),
  );
  if (!isMet) throw unauthenticated('more methods are asked for by the rules of the user');
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
  const kinds = ['project', 'domain', 'system', 'unscoped', 'OS-TRUST:trust'] as const;
  const [kind, ...more] = kinds.filter((name) => name in wanted);
  if (kind === undefined || more.length > 0) throw scopeUnclear();
  switch (kind) {
    case 'unscoped':
      return { kind };
    case 'system':
      return { kind };
    case 'domain':
      return { kind, id: await domainFind(context, wanted.domain ?? {}, 'scope/domain') };
    case 'project':
      return { kind, id: await projectFind(context, wanted.project ?? {}) };
    case 'OS-TRUST:trust':
      throw unauthenticated('no such trust');
  }
}

const scopeUnclear = (): Failure =>
  expecting('system, project, domain, OS-TRUST:trust or unscoped', 'scope');

export async function domainFind(
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

/** CADF: who tried, how it ended, and why; the reason never reaches the client. */
function attemptRecord(
  context: IdentityContext,
  who: Identified | null,
  failure: Failure | null,
): void {
  const { why, userId: named } = failure?.detail ?? {};
  const reason = typeof why === 'string' ? why : (failure?.message ?? '');
  const userId = who?.user.id ?? (typeof named === 'string' ? named : 'unknown');
  context.audit({
    action: 'authenticate',
    outcome: failure === null ? 'success' : 'failure',
    target: { id: userId, typeURI: 'service/security/account/user' },
    ...(failure !== null && {
      reason: { code: failure.kind === 'unauthenticated' ? 401 : failure.kind, type: reason },
    }),
    actor: who === null ? null : attemptActor(who),
  });
}

const attemptActor = ({ user }: Identified): Actor => ({
  userId: user.id,
  userName: user.name,
  userDomainId: user.domainId,
  roles: [],
  scope: { kind: 'unscoped' },
  serviceRoles: [],
  auditId: '',
});
