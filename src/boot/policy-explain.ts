import { systemTarget, type RoleTarget } from '../identity/assignment.model.ts';
import type { IdentityWorld } from '../identity/identity.world.ts';
import { ancestorIds, type Project } from '../identity/project.model.ts';
import { projectGet, projectGetByName } from '../identity/project.store.ts';
import { roleOriginList, type RoleOrigin } from '../identity/role-origin.ts';
import { actorIn } from '../identity/service-role.ts';
import { snapshotGet } from '../identity/snapshot.ts';
import type { TokenScope } from '../identity/token.model.ts';
import { tokenStateRead } from '../identity/token-state.ts';
import { auditIdMake } from '../identity/token.ts';
import type { UserAccount } from '../identity/user.model.ts';
import { userGet, userGetByName } from '../identity/user.store.ts';
import type { Target } from '../kernel/policy.ts';
import { ruleExplain, type RuleExplained } from '../kernel/policy-explain.ts';
import { UserError } from './command.ts';
import { policyDefaults, type PolicyOpened } from './policy-open.ts';

export interface ExplainWanted {
  readonly user: string;
  readonly userDomain: string;
  /** Name or id of a project, `domain:NAME`, or `system`. */
  readonly scope: string;
  readonly projectDomain: string;
  readonly rule: string;
  readonly target: Target;
}

export interface Explained {
  readonly user: { readonly id: string; readonly name: string };
  readonly scope: string;
  readonly roles: readonly RoleOrigin[];
  /** Null: with no role there, or disabled, nobody gets a token. */
  readonly rule: RuleExplained | null;
  readonly source: string;
}

export async function policyExplain(
  world: IdentityWorld,
  opened: PolicyOpened,
  wanted: ExplainWanted,
): Promise<Explained> {
  const { rule } = wanted;
  if (opened.policy.check(rule) === undefined) throw new UserError(ruleUnknown(opened, rule));
  const user = await userFind(world, wanted);
  const { scope, roleTarget, name, target } = await scopeFind(world, wanted);
  const state = await tokenStateRead(world, {
    methods: ['password'],
    userId: user.id,
    scope,
    issuedAtMs: world.clock.now(),
    expiresAtMs: world.clock.now() + 1,
    auditIds: [auditIdMake(world)],
    trustId: null,
    applicationCredentialId: null,
    accessTokenId: null,
    assertionId: null,
  });
  const [service = 'cloud'] =
    Object.entries(policyDefaults).find(([, rules]) => rule in rules) ?? [];
  const own: Target = {
    user_id: user.id,
    'target.user.id': user.id,
    'target.user.domain_id': user.domainId,
    ...target,
    ...wanted.target,
  };
  const isOverridden = Object.hasOwn(opened.overrides, rule);
  return {
    user: { id: user.id, name: user.name },
    scope: name,
    roles: await roleOriginList(world, user.id, roleTarget),
    rule:
      state === null
        ? null
        : ruleExplain(opened.policy, rule, { actor: actorIn(state, [service]), target: own }),
    source: isOverridden ? 'the policy file' : `built into ${service}`,
  };
}

function ruleUnknown({ policy }: PolicyOpened, rule: string): string {
  const word = rule.split(':').at(-1)?.toLowerCase() ?? '';
  const near = policy.names.filter((name) => name.toLowerCase().includes(word)).slice(0, 5);
  const hint = near.length > 0 ? `; perhaps ${near.join(', ')}` : '';
  return `there is no rule ${rule}${hint}`;
}

async function userFind(
  world: IdentityWorld,
  { user, userDomain }: ExplainWanted,
): Promise<UserAccount> {
  const domainId = await domainFind(world, userDomain);
  const found = await world.db.read(
    async (tx) => (await userGetByName(tx, user, domainId)) ?? (await userGet(tx, user)),
  );
  if (found !== null) return found;
  throw new UserError(
    `there is no user ${user} in the domain ${userDomain} (--user-domain names another)`,
  );
}

async function domainFind(world: IdentityWorld, wanted: string): Promise<string> {
  const { domains } = await snapshotGet(world);
  const found = [...domains.values()].find(({ id, name }) => name === wanted || id === wanted);
  if (found !== undefined) return found.id;
  throw new UserError(`there is no domain ${wanted}`);
}

interface ScopeFound {
  readonly scope: TokenScope;
  readonly roleTarget: RoleTarget;
  readonly name: string;
  readonly target: Target;
}

async function scopeFind(
  world: IdentityWorld,
  { scope, projectDomain }: ExplainWanted,
): Promise<ScopeFound> {
  if (scope === 'system') {
    const roleTarget = { ...systemTarget, ancestorIds: [] };
    return { scope: { kind: 'system' }, roleTarget, name: 'the system', target: {} };
  }
  const named = /^domain:(.+)$/.exec(scope)?.[1];
  if (named !== undefined) {
    const id = await domainFind(world, named);
    const target = {
      domain_id: id,
      'target.domain_id': id,
      'target.domain.id': id,
      'target.project.domain_id': id,
    };
    const roleTarget = { kind: 'domain', id, ancestorIds: [] } as const;
    return { scope: { kind: 'domain', id }, roleTarget, name: `the domain ${named}`, target };
  }
  return projectScope(await projectFind(world, scope, projectDomain));
}

async function projectFind(world: IdentityWorld, wanted: string, domain: string): Promise<Project> {
  const domainId = await domainFind(world, domain);
  const found = await world.db.read(
    async (tx) => (await projectGetByName(tx, wanted, domainId)) ?? (await projectGet(tx, wanted)),
  );
  if (found !== null) return found;
  throw new UserError(
    `there is no project ${wanted} in the domain ${domain} (--project-domain names another)`,
  );
}

/** What the rule is asked about: something of this very project. */
function projectScope(project: Project): ScopeFound {
  const { id, name } = project;
  const domainId = project.domainId ?? id;
  return {
    scope: { kind: 'project', id },
    roleTarget: { kind: 'project', id, ancestorIds: ancestorIds(project) },
    name: `the project ${name}`,
    target: {
      project_id: id,
      tenant_id: id,
      owner: id,
      'target.project.id': id,
      'target.project.domain_id': domainId,
      'target.domain_id': domainId,
      'target.domain.id': domainId,
    },
  };
}
