import { conditionHolds, type ConditionFacts } from './condition.ts';
import type { BucketPolicy, Names, Principals, Statement } from './document.ts';
import { wildcardMatch } from './match.ts';

/** Null as a whole: nobody in particular. */
export interface PolicyPrincipal {
  readonly projectId: string;
  readonly userId: string;
  readonly userName: string;
}

export interface PolicyQuestion {
  readonly principal: PolicyPrincipal | null;
  /** `s3:GetObject`. */
  readonly action: string;
  /** `bucket` or `bucket/key`. */
  readonly resource: string;
  readonly facts: ConditionFacts;
}

/** `none`: the policy says nothing, so others decide. A denial overrules whatever is allowed elsewhere. */
export type PolicyVerdict = 'allow' | 'deny' | 'none';

export function policyEvaluate(policy: BucketPolicy, question: PolicyQuestion): PolicyVerdict {
  const matching = policy.statements.filter((statement) => applies(policy, statement, question));
  if (matching.some(({ effect }) => effect === 'Deny')) return 'deny';
  return matching.length > 0 ? 'allow' : 'none';
}

function applies(policy: BucketPolicy, statement: Statement, question: PolicyQuestion): boolean {
  const { principals, actions, resources, conditions } = statement;
  const filled = (text: string): string =>
    policy.version === '2012-10-17' ? variablesFilled(text, question.facts) : text;
  return (
    principalMatches(principals, question.principal) &&
    namesMatch(actions, question.action.toLowerCase(), (text) => text) &&
    namesMatch(resources, question.resource, filled) &&
    conditions.every((condition) =>
      conditionHolds({ ...condition, values: condition.values.map(filled) }, question.facts),
    )
  );
}

function principalMatches(principals: Principals, principal: PolicyPrincipal | null): boolean {
  const { isEveryone, accounts, isExcluded } = principals;
  const isNamed =
    isEveryone ||
    (principal !== null &&
      accounts.some(
        ({ projectId, user }) =>
          projectId === principal.projectId &&
          (user === null || user === principal.userId || user === principal.userName),
      ));
  return isNamed !== isExcluded;
}

function namesMatch(
  { names, isExcluded }: Names,
  text: string,
  fill: (name: string) => string,
): boolean {
  return names.some((name) => wildcardMatch(fill(name), text)) !== isExcluded;
}

/** A variable without a value keeps its text, which matches nothing anybody could be. */
function variablesFilled(text: string, facts: ConditionFacts): string {
  if (!text.includes('${')) return text;
  return text.replace(/\$\{([^}]{1,128})\}/g, (whole, name: string) => {
    if (name === '*' || name === '?' || name === '$') return name;
    return facts(name.toLowerCase())?.[0] ?? whole;
  });
}

/** Conditions that bind a statement to somebody or somewhere, so that it is not open to the world. */
const binding = /^aws:(sourceip|principalaccount|principalarn|userid|username)$/;

export function policyIsPublic({ statements }: BucketPolicy): boolean {
  return statements.some(({ effect, principals, conditions }) => {
    const isOpen = principals.isEveryone !== principals.isExcluded;
    const isBound = conditions.some(
      ({ key, operator, values }) =>
        binding.test(key) &&
        !operator.includes('Not') &&
        values.every((value) => !/[*?]|^0\.0\.0\.0\/0$|^::\/0$/.test(value)),
    );
    return effect === 'Allow' && isOpen && !isBound;
  });
}
