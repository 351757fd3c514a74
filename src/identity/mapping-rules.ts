import { invalid } from '../kernel/errors.ts';
import { unauthenticated } from './auth-failure.ts';
import { listFormat, listParse } from './mapping-text.ts';
import type { MappingLocal, MappingRemote, MappingRule } from './mapping.schema.ts';

/** What a provider says of somebody: values by the names that mappings know them by. */
export type Attributes = ReadonlyMap<string, readonly string[]>;

export interface DomainNamed {
  readonly id?: string | undefined;
  readonly name?: string | undefined;
}

export interface GroupNamed {
  readonly name: string;
  readonly domain: DomainNamed;
}

/** Who somebody is here, as the rules say. */
export interface Mapped {
  readonly user: NonNullable<MappingLocal['user']>;
  readonly groupIds: readonly string[];
  readonly groups: readonly GroupNamed[];
  readonly projects: NonNullable<MappingLocal['projects']>;
}

/** Every rule that fits adds something; the first user counts, and the last list of projects. */
export function mappingApply(rules: readonly MappingRule[], attributes: Attributes): Mapped {
  const locals = rules.flatMap(({ local, remote }) => {
    const found = remoteMatch(remote, attributes);
    return found === null ? [] : local.map((one) => filled(one, found) as MappingLocal);
  });
  if (locals.length === 0) throw unauthenticated('no rule of the mapping fits');
  const users = locals.flatMap(({ user }) => (user === undefined ? [] : [user]));
  const groupIds = locals.flatMap(({ group, group_ids: listed }) => [
    ...(group !== undefined && 'id' in group ? [group.id] : []),
    ...(listed === undefined ? [] : (listParse(listed) ?? [listed])),
  ]);
  return {
    user: users.find((user) => Object.keys(user).length > 0) ?? {},
    groupIds: [...new Set(groupIds)],
    groups: locals.flatMap(groupsNamed),
    projects: locals.findLast(({ projects }) => projects !== undefined)?.projects ?? [],
  };
}

/** What follows names a domain as well. */
const namedGroup = 'JSON:';

function groupsNamed({ group, groups, domain }: MappingLocal): GroupNamed[] {
  const one = group !== undefined && 'name' in group ? [group] : [];
  if (groups === undefined) return one;
  const texts = listParse(groups) ?? [groups];
  const areNamed = texts.length > 0 && texts.every((text) => text.startsWith(namedGroup));
  if (domain === undefined && !areNamed) {
    throw unauthenticated('a rule of the mapping names groups without their domain');
  }
  const many = texts.map((text) =>
    text.startsWith(namedGroup)
      ? groupParse(text.slice(namedGroup.length))
      : { name: text, domain: domain ?? {} },
  );
  return [...one, ...many];
}

/** A group that the provider names together with its domain. */
function groupParse(text: string): GroupNamed {
  const value = jsonParse(text);
  const { name, domain } = (value ?? {}) as { name?: unknown; domain?: DomainNamed | null };
  const { id, name: domainName } = domain ?? {};
  if (typeof name !== 'string' || typeof (id ?? domainName) !== 'string') {
    throw unauthenticated('what should be a group is none');
  }
  return { name, domain: { id, name: domainName } };
}

function jsonParse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}

type Values = readonly string[];

/** Null: the rule does not fit. Else the values that `{0}`, `{1}`... stand for: conditions have none. */
function remoteMatch(remotes: readonly MappingRemote[], attributes: Attributes): Values[] | null {
  const found: Values[] = [];
  for (const remote of remotes) {
    const values = attributes.get(remote.type);
    if (values === undefined || values.length === 0) return null;
    const meets = testOf(remote);
    if ('any_one_of' in remote) {
      if (!values.some(meets)) return null;
    } else if ('not_any_of' in remote) {
      if (values.some(meets)) return null;
    } else if ('blacklist' in remote) found.push(values.filter((value) => !meets(value)));
    else found.push(values.filter(meets));
  }
  return found;
}

function listOf(remote: MappingRemote): readonly string[] | null {
  const list =
    ('any_one_of' in remote && remote.any_one_of) ||
    ('not_any_of' in remote && remote.not_any_of) ||
    ('blacklist' in remote && remote.blacklist) ||
    ('whitelist' in remote && remote.whitelist);
  return list ? list.filter((value) => typeof value === 'string') : null;
}

function testOf(remote: MappingRemote): (value: string) => boolean {
  const list = listOf(remote);
  if (list === null) return () => true;
  if (!('regex' in remote) || remote.regex !== true) return (value) => list.includes(value);
  const patterns = list.map(patternOf);
  return (value) => patterns.some((pattern) => pattern.test(value));
}

/** Python's patterns that are written differently here. */
function patternOf(text: string): RegExp {
  const [, flags = '', body = ''] = /^(?:\(\?([ims]+)\))?(.*)$/s.exec(text) ?? [];
  const own = body
    .replaceAll('(?P<', '(?<')
    .replaceAll(/\(\?P=(\w+)\)/g, '\\k<$1>')
    .replaceAll(/(?<!\\)((?:\\\\)*)\\A/g, '$1^')
    .replaceAll(/(?<!\\)((?:\\\\)*)\\Z/g, '$1$$');
  return new RegExp(own, flags);
}

/** What cannot be a pattern is found out when the mapping is made, not when somebody logs in. */
export function patternsCheck(rules: readonly MappingRule[]): void {
  for (const remote of rules.flatMap((rule) => rule.remote)) {
    if (!('regex' in remote) || remote.regex !== true) continue;
    for (const text of listOf(remote) ?? []) {
      try {
        patternOf(text);
      } catch {
        throw invalid(`Invalid input for field/attribute rules: ${text} is no regular expression.`);
      }
    }
  }
}

/** The same with the values put in for their numbers. */
function filled(template: unknown, values: readonly Values[]): unknown {
  if (typeof template === 'string') return textFilled(template, values);
  if (Array.isArray(template)) return template.map((one) => filled(one, values));
  if (typeof template !== 'object' || template === null) return template;
  return Object.fromEntries(
    Object.entries(template).map(([key, value]) => [key, filled(value, values)]),
  );
}

/** Python's `format`, as far as mappings need it: `{0}`, and `{{` and `}}` for braces. */
function textFilled(template: string, values: readonly Values[]): string {
  return template.replaceAll(/\{\{|\}\}|\{([^{}]*)\}|[{}]/g, (found, reference?: string) => {
    if (found === '{{') return '{';
    if (found === '}}') return '}';
    const value = reference === undefined ? undefined : values[indexOf(reference)];
    if (value === undefined) {
      throw unauthenticated('the mapping refers to a value that its remote rules do not give');
    }
    const [only] = value;
    return value.length === 1 && only !== undefined ? only : listFormat(value);
  });
}

const indexOf = (reference: string): number =>
  /^\d{1,4}$/.test(reference) ? Number(reference) : -1;
