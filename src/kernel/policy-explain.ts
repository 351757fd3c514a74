import type { Actor, ActorScope, Check, Policy, Target } from './policy.ts';

/** A part of a rule, whether it holds, and what it was compared with. */
export interface PartExplained {
  readonly text: string;
  readonly holds: boolean;
  readonly why: string;
  readonly parts: readonly PartExplained[];
}

export interface RuleExplained {
  readonly rule: string;
  readonly text: string;
  readonly allows: boolean;
  /** Null: the rule is open to every scope, or to this one. */
  readonly scopeRefusal: string | null;
  /** The part that decided: the first alternative that holds, or what all alternatives lack. */
  readonly decided: readonly string[];
  readonly tree: PartExplained;
}

export function ruleExplain(
  policy: Policy,
  rule: string,
  { actor, target }: { readonly actor: Actor; readonly target: Target },
): RuleExplained | null {
  const check = policy.check(rule);
  if (check === undefined) return null;
  const tree = partExplain(policy, check, { actor, target, depth: 0 });
  const scopes = policy.scopes(rule);
  const { kind } = actor.scope;
  const isScoped = kind === 'unscoped' || scopes?.includes(kind) !== false;
  return {
    rule,
    text: policy.text(rule) ?? '',
    allows: policy.allows(rule, actor, target),
    scopeRefusal: isScoped ? null : `only tokens of ${scopesText(scopes ?? [])} may`,
    decided: tree.holds ? [deciding(tree)] : missingIn(tree),
    tree,
  };
}

const scopesText = (scopes: readonly ActorScope['kind'][]): string => scopes.join(', ');

interface At {
  readonly actor: Actor;
  readonly target: Target;
  readonly depth: number;
}

function partExplain(policy: Policy, check: Check, at: At): PartExplained {
  const { actor, target, depth } = at;
  const holds = policy.holds(check, actor, target);
  const named = /^rule:(.+)$/.exec(check.text)?.[1];
  const inner = named === undefined ? undefined : policy.check(named);
  const parts =
    inner !== undefined && depth < 10
      ? [partExplain(policy, inner, { ...at, depth: depth + 1 })]
      : check.parts.map((part) => partExplain(policy, part, at));
  const why = check.joins === null && inner === undefined ? leafWhy(check.text, at) : '';
  return { text: check.text === '' ? '(nothing: everybody)' : check.text, holds, why, parts };
}

/** What a comparison of the rule language met. */
function leafWhy(text: string, { actor, target }: At): string {
  const at = text.indexOf(':');
  const [left, right] = [text.slice(0, at), text.slice(at + 1)];
  if (left === 'role') return `the roles are ${actor.roles.join(', ') || 'none'}`;
  const { scope } = actor;
  const own: Readonly<Record<string, string | undefined>> = {
    user_id: actor.userId,
    user_domain_id: actor.userDomainId,
    project_id: scope.kind === 'project' ? scope.projectId : undefined,
    domain_id: scope.kind === 'domain' ? scope.domainId : undefined,
    system_scope: scope.kind === 'system' ? 'all' : undefined,
  };
  const name = /^%\((.+)\)s$/.exec(right)?.[1];
  const theirs =
    name === undefined ? '' : `, ${name} of the target is ${String(target[name] ?? 'not known')}`;
  return left in own
    ? `${left} of the token is ${own[left] ?? 'nothing'}${theirs}`
    : theirs.slice(2);
}

/** Down to the alternative that holds. */
function deciding(part: PartExplained): string {
  const [only] = part.parts;
  if (part.text.startsWith('rule:') && only !== undefined) return deciding(only);
  const chosen = part.text.includes(' or ') ? part.parts.find(({ holds }) => holds) : undefined;
  return chosen === undefined ? part.text : deciding(chosen);
}

/** What fails in each alternative. */
function missingIn(part: PartExplained): string[] {
  const failing = part.parts.filter(({ holds }) => !holds);
  if (failing.length === 0) return [part.why === '' ? part.text : `${part.text} (${part.why})`];
  return [...new Set(failing.flatMap(missingIn))];
}
