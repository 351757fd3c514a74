import { invalid } from '../kernel/errors.ts';
import type { AccessRule, ApplicationCredential } from './application-credential.model.ts';
import type { ApplicationCredentialWanted } from './application-credential.schema.ts';
import {
  accessRuleEnsure,
  accessRuleGet as accessRuleRead,
  accessRuleList as accessRuleListRead,
  accessRuleRemove,
  applicationCredentialGet as credentialRead,
  applicationCredentialInsert,
  applicationCredentialList as credentialListRead,
  applicationCredentialRemove,
} from './application-credential.store.ts';
import { refused } from './delegation.ts';
import { missing } from './failure.ts';
import { directoryWrite } from './generation.ts';
import type { Tx } from './identity.tables.ts';
import type { IdentityContext } from './identity.world.ts';
import { equals, listingAnd, listingOf, pageOf, type Page } from './listing.ts';
import { passwordHash } from './password.ts';
import type { Role } from './role.model.ts';
import { roleListByIds } from './role.store.ts';
import { expiryParse } from './time-text.ts';
import type { TokenClaims, TokenRole } from './token.model.ts';
import { userGet } from './user.store.ts';
import { userTarget } from './user.ts';

export interface ShownCredential {
  readonly credential: ApplicationCredential;
  readonly roles: readonly Role[];
}

/** How the caller got in: see delegation.ts. */
export interface Caller {
  readonly claims: TokenClaims;
  readonly roles: readonly TokenRole[];
}

const rejected = (why: string) => invalid(`Invalid application credential: ${why}`);

/** Tokens that were lent may not become lasting secrets; a credential of its own kind only where it was allowed to. */
async function callerCheck(
  { world }: IdentityContext,
  { claims }: Caller,
  isChange: boolean,
): Promise<void> {
  const { applicationCredentialId, trustId, methods } = claims;
  if (
    trustId !== null ||
    methods.some((method) => method === 'oauth1' || method === 'ec2credential')
  ) {
    throw refused('Cannot manage application credentials with a token issued via delegation.');
  }
  if (applicationCredentialId === null || !isChange) return;
  const own = await world.db.read((tx) => credentialRead(tx, applicationCredentialId));
  if (own?.isUnrestricted === true) return;
  throw refused(
    "Using method 'application_credential' is not allowed for managing additional application credentials.",
  );
}

export async function applicationCredentialCreate(
  context: IdentityContext,
  { userId, caller }: { readonly userId: string; readonly caller: Caller },
  wanted: ApplicationCredentialWanted,
): Promise<ShownCredential & { readonly secret: string }> {
  const { world, clock, ids, actor } = context;
  context.authorize('identity:create_application_credential', { user_id: userId });
  await callerCheck(context, caller, true);
  const { scope } = actor;
  if (actor.userId !== userId || scope.kind !== 'project') {
    throw refused('Cannot create an application credential for another user.');
  }
  const secret = wanted.secret ?? ids.secret(64).toString('base64url');
  const made = {
    id: ids.hex(),
    userId,
    projectId: scope.projectId,
    name: wanted.name,
    description: wanted.description ?? null,
    secretHash: await passwordHash(world, secret),
    expiresAtUs: expiryParse(wanted.expires_at, clock.now()),
    isUnrestricted: wanted.unrestricted ?? false,
    roleIds: rolesChosen(wanted, caller),
  };
  const { credential, roles } = await world.db.write(async (tx) => {
    const accessRules = await rulesEnsure(tx, context, userId, wanted.access_rules ?? []);
    const credential = { ...made, accessRules };
    await applicationCredentialInsert(tx, credential);
    return { credential, roles: await roleListByIds(tx, made.roleIds) };
  });
  return { credential, roles, secret };
}

/** All roles of the token, or some of them: never one that the token does not hold. */
function rolesChosen({ roles }: ApplicationCredentialWanted, caller: Caller): string[] {
  if (roles === undefined || roles.length === 0) return caller.roles.map(({ id }) => id);
  const chosen = roles.map((wanted) =>
    caller.roles.find((held) =>
      'id' in wanted ? held.id === wanted.id : held.name === wanted.name,
    ),
  );
  return chosen.map((role) => {
    if (role !== undefined) return role.id;
    throw rejected('Cannot create an application credential with unassigned role');
  });
}

async function rulesEnsure(
  tx: Tx,
  { ids }: IdentityContext,
  userId: string,
  wanted: NonNullable<ApplicationCredentialWanted['access_rules']>,
): Promise<AccessRule[]> {
  const rules: AccessRule[] = [];
  for (const { id, service, method, path } of wanted) {
    const held = id === undefined ? null : await accessRuleRead(tx, userId, id);
    if (held !== null) {
      rules.push(held);
      continue;
    }
    if (service === undefined || method === undefined || path === undefined) {
      throw id === undefined
        ? rejected('an access rule needs a service, a method and a path')
        : missing('Access Rule', id);
    }
    rules.push(await accessRuleEnsure(tx, userId, { id: ids.hex(), service, method, path }));
  }
  return rules;
}

export async function applicationCredentialGet(
  context: IdentityContext,
  { userId, id, caller }: { readonly userId: string; readonly id: string; readonly caller: Caller },
  verb: 'get' | 'delete' = 'get',
): Promise<ShownCredential> {
  const found = await context.world.db.read(async (tx) => {
    const credential = await credentialRead(tx, id);
    const roles = credential === null ? [] : await roleListByIds(tx, credential.roleIds);
    return { credential, roles };
  });
  const { credential, roles } = found;
  // The owner counts, not the user in the path: else everybody's own path would open everybody's credential.
  const target = credential === null ? {} : { user_id: credential.userId };
  context.authorize(`identity:${verb}_application_credential`, target);
  await callerCheck(context, caller, verb === 'delete');
  if (credential === null || credential.userId !== userId) {
    throw missing('Application Credential', id);
  }
  return { credential, roles };
}

export async function applicationCredentialList(
  context: IdentityContext,
  { userId, caller }: { readonly userId: string; readonly caller: Caller },
  query: URLSearchParams,
): Promise<{ page: Page<ApplicationCredential>; roles: ReadonlyMap<string, Role> }> {
  context.authorize('identity:list_application_credentials', { user_id: userId });
  await callerCheck(context, caller, false);
  const listing = listingAnd(listingOf(query, { name: 'text' }), equals('user_id', userId));
  return await context.world.db.read(async (tx) => {
    const page = pageOf(await credentialListRead(tx, listing), listing);
    const roleIds = new Set(page.items.flatMap(({ roleIds: held }) => held));
    const roles = await roleListByIds(tx, [...roleIds]);
    return { page, roles: new Map(roles.map((role) => [role.id, role])) };
  });
}

export async function applicationCredentialDelete(
  context: IdentityContext,
  which: { readonly userId: string; readonly id: string; readonly caller: Caller },
): Promise<void> {
  await applicationCredentialGet(context, which, 'delete');
  await directoryWrite(context.world, (tx) => applicationCredentialRemove(tx, which.id));
}

async function accessRuleAuthorize(
  context: IdentityContext,
  verb: 'get' | 'list' | 'delete',
  { userId, caller }: { readonly userId: string; readonly caller: Caller },
): Promise<void> {
  const user = await context.world.db.read((tx) => userGet(tx, userId));
  const noun = verb === 'list' ? 'access_rules' : 'access_rule';
  context.authorize(`identity:${verb}_${noun}`, userTarget(user));
  await callerCheck(context, caller, verb === 'delete');
}

interface RulePath {
  readonly userId: string;
  readonly id: string;
  readonly caller: Caller;
}

export async function accessRuleGet(context: IdentityContext, path: RulePath): Promise<AccessRule> {
  await accessRuleAuthorize(context, 'get', path);
  const rule = await context.world.db.read((tx) => accessRuleRead(tx, path.userId, path.id));
  if (rule === null) throw missing('Access Rule', path.id);
  return rule;
}

export async function accessRuleList(
  context: IdentityContext,
  which: { readonly userId: string; readonly caller: Caller },
  query: URLSearchParams,
): Promise<Page<AccessRule>> {
  await accessRuleAuthorize(context, 'list', which);
  const listing = listingOf(query, { service: 'text', path: 'text', method: 'text' });
  const rules = await context.world.db.read((tx) => accessRuleListRead(tx, which.userId, listing));
  return pageOf(rules, listing);
}

export async function accessRuleDelete(context: IdentityContext, path: RulePath): Promise<void> {
  await accessRuleAuthorize(context, 'delete', path);
  const wasThere = await context.world.db.write((tx) => accessRuleRemove(tx, path.userId, path.id));
  if (!wasThere) throw missing('Access Rule', path.id);
}
