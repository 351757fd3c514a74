import { BlockList, isIP, isIPv6 } from 'node:net';
import { wildcardMatch } from './match.ts';

/** What a request is, for the conditions of a policy: several values where the key can have several. */
export type ConditionFacts = (key: string) => readonly string[] | null;

export interface Condition {
  readonly operator: Operator;
  readonly isIfExists: boolean;
  readonly set: 'any' | 'all' | null;
  readonly key: string;
  readonly values: readonly string[];
}

type Test = (actual: string, wanted: string) => boolean;

const numbers = (test: (a: number, b: number) => boolean): Test => {
  return (actual, wanted) => {
    const [a, b] = [Number(actual), Number(wanted)];
    return !Number.isNaN(a) && !Number.isNaN(b) && test(a, b);
  };
};
const dateMs = (text: string): number =>
  /^\d{1,13}$/.test(text) ? Number(text) * 1000 : Date.parse(text);
const dates = (test: (a: number, b: number) => boolean): Test => {
  return (actual, wanted) => {
    const [a, b] = [dateMs(actual), dateMs(wanted)];
    return !Number.isNaN(a) && !Number.isNaN(b) && test(a, b);
  };
};
const equal: Test = (actual, wanted) => actual === wanted;
const equalIgnoringCase: Test = (actual, wanted) => actual.toLowerCase() === wanted.toLowerCase();
const like: Test = (actual, wanted) => wildcardMatch(wanted, actual);

interface Meaning {
  readonly test: Test;
  /** True: it holds when no value fits. */
  readonly isNegated: boolean;
}
const is = (test: Test): Meaning => ({ test, isNegated: false });
const isNot = (test: Test): Meaning => ({ test, isNegated: true });

const operators = {
  StringEquals: is(equal),
  StringNotEquals: isNot(equal),
  StringEqualsIgnoreCase: is(equalIgnoringCase),
  StringNotEqualsIgnoreCase: isNot(equalIgnoringCase),
  StringLike: is(like),
  StringNotLike: isNot(like),
  ArnEquals: is(like),
  ArnLike: is(like),
  ArnNotEquals: isNot(like),
  ArnNotLike: isNot(like),
  BinaryEquals: is(equal),
  Bool: is(equalIgnoringCase),
  NumericEquals: is(numbers((a, b) => a === b)),
  NumericNotEquals: isNot(numbers((a, b) => a === b)),
  NumericLessThan: is(numbers((a, b) => a < b)),
  NumericLessThanEquals: is(numbers((a, b) => a <= b)),
  NumericGreaterThan: is(numbers((a, b) => a > b)),
  NumericGreaterThanEquals: is(numbers((a, b) => a >= b)),
  DateEquals: is(dates((a, b) => a === b)),
  DateNotEquals: isNot(dates((a, b) => a === b)),
  DateLessThan: is(dates((a, b) => a < b)),
  DateLessThanEquals: is(dates((a, b) => a <= b)),
  DateGreaterThan: is(dates((a, b) => a > b)),
  DateGreaterThanEquals: is(dates((a, b) => a >= b)),
  IpAddress: is(inNetwork),
  NotIpAddress: isNot(inNetwork),
  Null: is(equalIgnoringCase),
} as const satisfies Record<string, Meaning>;
export type Operator = keyof typeof operators;

const operatorOf = (text: string): Operator | null =>
  Object.hasOwn(operators, text) ? (text as Operator) : null;

/** Null: there is no such operator. */
export function operatorParse(
  text: string,
): Pick<Condition, 'operator' | 'isIfExists' | 'set'> | null {
  const [, set, rest = ''] = /^(?:(ForAllValues|ForAnyValue):)?(\w+)$/.exec(text) ?? [];
  const isIfExists = rest.endsWith('IfExists');
  const operator = operatorOf(isIfExists ? rest.slice(0, -'IfExists'.length) : rest);
  if (operator === null || (operator === 'Null' && isIfExists)) return null;
  return {
    operator,
    isIfExists,
    set: set === undefined ? null : set === 'ForAllValues' ? 'all' : 'any',
  };
}

/** Whether the wanted value makes sense for its operator. */
export function valueFits(operator: Operator, value: string): boolean {
  if (operator.startsWith('Numeric')) return value.trim() !== '' && !Number.isNaN(Number(value));
  if (operator.startsWith('Date')) return !Number.isNaN(dateMs(value));
  if (operator === 'Bool' || operator === 'Null') return /^(true|false)$/i.test(value);
  if (operator.endsWith('IpAddress')) return networkParse(value) !== null;
  return true;
}

export function conditionHolds(condition: Condition, facts: ConditionFacts): boolean {
  const { operator, isIfExists, set, key, values } = condition;
  const actual = facts(key);
  if (operator === 'Null') {
    return values.some((value) => (value.toLowerCase() === 'true') === (actual === null));
  }
  const { test, isNegated } = operators[operator] as Meaning;
  if (actual === null || actual.length === 0) return isIfExists || isNegated || set === 'all';
  const fits = (value: string): boolean => {
    const found = values.some((wanted) => test(value, wanted));
    return isNegated ? !found : found;
  };
  // Without a set operator, several values of a request count as any of them, and as none of them when negated.
  const isEvery = set === 'all' || (set === null && isNegated);
  return isEvery ? actual.every(fits) : actual.some(fits);
}

interface Network {
  readonly address: string;
  readonly bits: number;
  readonly family: 'ipv4' | 'ipv6';
}

function networkParse(text: string): Network | null {
  const [address = '', bits] = text.split('/');
  const version = isIP(address);
  if (version === 0 || (bits !== undefined && !/^\d{1,3}$/.test(bits))) return null;
  const width = version === 4 ? 32 : 128;
  const length = bits === undefined ? width : Number(bits);
  return length > width ? null : { address, bits: length, family: version === 4 ? 'ipv4' : 'ipv6' };
}

function inNetwork(actual: string, wanted: string): boolean {
  const network = networkParse(wanted);
  if (network === null || isIP(actual) === 0) return false;
  const list = new BlockList();
  list.addSubnet(network.address, network.bits, network.family);
  return list.check(actual, isIPv6(actual) ? 'ipv6' : 'ipv4');
}
