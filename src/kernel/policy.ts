import { Failure } from './errors.ts';

/** Who acts, as policy rules see it: what the identity service made of a token. */
export interface Actor {
  readonly userId: string;
  readonly userName: string;
  readonly userDomainId: string;
  /** Names of the roles in force in this scope, implied ones included. */
  readonly roles: readonly string[];
  readonly scope: ActorScope;
  /** Roles of the service token that came along (X-Service-Token). */
  readonly serviceRoles: readonly string[];
  /** Ties audit events of one log-in together. */
  readonly auditId: string;
}

export type ActorScope =
  | {
      readonly kind: 'project';
      readonly projectId: string;
      readonly projectName: string;
      readonly domainId: string;
    }
  | { readonly kind: 'domain'; readonly domainId: string }
  | { readonly kind: 'system' }
  | { readonly kind: 'unscoped' };

/** What a rule is asked about: attributes of the thing acted on, flat, with dots (`target.user.domain_id`). */
export type Target = Readonly<Record<string, string | number | boolean | null | undefined>>;

export interface RuleDefault {
  /** In oslo.policy's language, e.g. `role:reader and project_id:%(project_id)s`. */
  readonly check: string;
  readonly description: string;
  /** Scopes a token may have for the rule to allow anything, whatever the check says; absent: any. */
  readonly scopes?: readonly ActorScope['kind'][];
}
export type PolicyDefaults = Readonly<Record<string, RuleDefault>>;

type Test = (actor: Actor, target: Target, rules: ReadonlyMap<string, Check>) => boolean;

/** A rule, or a part of one, read from its text. */
export interface Check {
  readonly text: string;
  readonly joins: 'or' | 'and' | 'not' | null;
  readonly parts: readonly Check[];
  readonly test: Test;
}

/** The rules of one cloud: the defaults of every service, overridden by the operator's file. */
export class Policy {
  readonly #rules = new Map<string, Check>();
  readonly #texts = new Map<string, string>();
  readonly #scopes = new Map<string, readonly ActorScope['kind'][]>();

  constructor(defaults: PolicyDefaults, overrides: Readonly<Record<string, string>> = {}) {
    for (const [name, { scopes }] of Object.entries(defaults)) {
      if (scopes !== undefined) this.#scopes.set(name, scopes);
    }
    const texts = Object.entries(defaults).map(([name, { check }]) => [name, check] as const);
    for (const [name, text] of [...texts, ...Object.entries(overrides)]) {
      this.#texts.set(name, text);
      this.#rules.set(name, checkParse(name, text));
    }
    for (const [name, text] of this.#texts) {
      for (const [, used] of text.matchAll(/\brule:([\w:.-]+)/g)) {
        if (used !== undefined && !this.#rules.has(used)) {
          throw new Error(`policy rule ${name} names the rule ${used}, which does not exist`);
        }
      }
    }
  }

  allows(rule: string, actor: Actor, target: Target): boolean {
    const check = this.#rules.get(rule);
    if (check === undefined) throw new Error(`policy rule ${rule} is not declared`);
    const { kind } = actor.scope;
    // An unscoped token holds no role, so only what it owns is open to it.
    if (kind !== 'unscoped' && this.#scopes.get(rule)?.includes(kind) === false) return false;
    return check.test(actor, target, this.#rules);
  }

  enforce(rule: string, actor: Actor, target: Target): void {
    if (this.allows(rule, actor, target)) return;
    throw new Failure(
      'forbidden',
      `You are not authorized to perform the requested action: ${rule}.`,
      {
        type: 'PolicyNotAuthorized',
        detail: { rule, userId: actor.userId },
      },
    );
  }

  check(rule: string): Check | undefined {
    return this.#rules.get(rule);
  }

  /** Scopes that the rule is open to; undefined: any. */
  scopes(rule: string): readonly ActorScope['kind'][] | undefined {
    return this.#scopes.get(rule);
  }

  /** Whether one part of a rule holds. */
  holds(check: Check, actor: Actor, target: Target): boolean {
    return check.test(actor, target, this.#rules);
  }

  text(rule: string): string | undefined {
    return this.#texts.get(rule);
  }

  get names(): string[] {
    return [...this.#rules.keys()];
  }
}

/** Recursive descent over oslo.policy's grammar: `or` binds weakest, then `and`, then `not`. */
export function checkParse(name: string, text: string): Check {
  const tokens =
    text.match(/\(|\)|'[^']*':(?:%\([^()]*\)s|[^\s()])+|(?:%\([^()]*\)s|[^\s()])+/g) ?? [];
  let at = 0;
  const fail = (why: string): never => {
    throw new Error(`policy rule ${name} (${text}): ${why}`);
  };
  const series = (word: 'or' | 'and', part: () => Check): Check => {
    const parts = [part()];
    while (tokens[at]?.toLowerCase() === word) {
      at++;
      parts.push(part());
    }
    const [only] = parts;
    if (only !== undefined && parts.length === 1) return only;
    const test: Test =
      word === 'or'
        ? (...of) => parts.some((one) => one.test(...of))
        : (...of) => parts.every((one) => one.test(...of));
    const inner = parts.map((one) =>
      word === 'and' && one.joins === 'or' ? `(${one.text})` : one.text,
    );
    return { text: inner.join(` ${word} `), joins: word, parts, test };
  };
  const either = (): Check => series('or', both);
  const both = (): Check => series('and', negation);
  const negation = (): Check => {
    if (tokens[at]?.toLowerCase() !== 'not') return atom();
    at++;
    const inner = negation();
    const text = inner.joins === null ? `not ${inner.text}` : `not (${inner.text})`;
    return { text, joins: 'not', parts: [inner], test: (...of) => !inner.test(...of) };
  };
  const atom = (): Check => {
    const token = tokens[at++];
    if (token === undefined) return fail('ends too early');
    if (token !== '(') {
      const test = leafParse(token) ?? fail(`cannot read ${token}`);
      return { text: token, joins: null, parts: [], test };
    }
    const inner = either();
    if (tokens[at++] !== ')') fail('a parenthesis is not closed');
    return inner;
  };
  if (tokens.length === 0) return { text: '', joins: null, parts: [], test: () => true };
  const check = either();
  if (at < tokens.length) fail(`unexpected ${tokens[at]}`);
  return check;
}

function leafParse(token: string): Test | null {
  if (token === '@') return () => true;
  if (token === '!') return () => false;
  const colon = token.startsWith("'") ? token.indexOf("':") + 1 : token.indexOf(':');
  if (colon <= 0) return null;
  const [left, right] = [token.slice(0, colon), token.slice(colon + 1)];
  if (left === 'rule')
    return (actor, target, rules) => rules.get(right)?.test(actor, target, rules) ?? false;
  if (left === 'role') {
    const role = right.toLowerCase();
    // Asked several times with every request: most roles differ in length or not at all.
    const isRole = (held: string): boolean =>
      held.length === role.length && (held === role || held.toLowerCase() === role);
    return (actor) => actor.roles.some(isRole);
  }
  const wanted = valueOf(right);
  const literal = /^'(.*)'$/.exec(left)?.[1];
  if (literal !== undefined) return (_, target) => wanted(target) === literal;
  if (left === 'True' || left === 'False' || left === 'None') {
    const name = nameOf(right);
    if (name === null) return () => right.toLowerCase() === left.toLowerCase();
    return (_, target) => {
      const value = target[name] === null ? 'none' : String(target[name]).toLowerCase();
      return name in target && value === left.toLowerCase();
    };
  }
  return (actor, target) => {
    const held = credentialOf(actor, left);
    // Only where the rule itself says None: a missing target must not match a missing scope.
    if (held === null) return right === 'None';
    return Array.isArray(held) ? held.includes(String(wanted(target))) : held === wanted(target);
  };
}

/** `%(project_id)s` is looked up in the target; a name that is not there matches nothing. */
function valueOf(text: string): (target: Target) => string | undefined {
  const name = nameOf(text);
  if (name === null) return () => text.replace(/^'(.*)'$/, '$1');
  return (target) => {
    const value = target[name];
    return value === undefined || value === null ? undefined : String(value);
  };
}

const nameOf = (text: string): string | null => /^%\((.+)\)s$/.exec(text)?.[1] ?? null;

function credentialOf(actor: Actor, name: string): string | readonly string[] | null {
  const { scope } = actor;
  switch (name) {
    case 'user_id':
      return actor.userId;
    case 'user_domain_id':
      return actor.userDomainId;
    case 'project_id':
    case 'tenant_id':
      return scope.kind === 'project' ? scope.projectId : null;
    case 'project_domain_id':
    case 'token.project.domain.id':
      return scope.kind === 'project' ? scope.domainId : null;
    case 'domain_id':
    case 'token.domain.id':
      return scope.kind === 'domain' ? scope.domainId : null;
    case 'system_scope':
      return scope.kind === 'system' ? 'all' : null;
    case 'service_roles':
    case 'service_role':
      return actor.serviceRoles;
    case 'is_admin':
      return actor.roles.includes('admin') ? ['1', 'True', 'true'] : null;
    default:
      return null;
  }
}
