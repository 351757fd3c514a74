import type { Json } from '../object.model.ts';
import { percentDecodeLax } from './place.ts';
import { refuse } from './swift.reply.ts';

/** `X-Container-Read` and `-Write`, taken apart. */
export interface Acl {
  /** Hosts, without `.r:`, in order: `*`, `example.com`, `.example.com`, `-thief.example.com`. */
  readonly referrers: readonly string[];
  /** Names of groups, roles, `project:user`, `.rlistings`. */
  readonly groups: readonly string[];
}

const noAcl: Acl = { referrers: [], groups: [] };

/** The tidy form that is kept and shown. */
export function aclClean(text: string, isWrite: boolean): string {
  const cleaned: string[] = [];
  for (const raw of text.split(',')) {
    const value = raw.trim();
    if (value === '') continue;
    const colon = value.indexOf(':');
    const first = value.slice(0, Math.max(colon, 0)).trim();
    if (colon < 0 || !first.startsWith('.')) cleaned.push(value);
    else
      cleaned.push(referrerClean(first, value, { isWrite, host: value.slice(colon + 1).trim() }));
  }
  return cleaned.join(',');
}

function referrerClean(
  designator: string,
  value: string,
  { isWrite, host }: { readonly isWrite: boolean; readonly host: string },
): string {
  if (!['.r', '.ref', '.referer', '.referrer'].includes(designator)) {
    throw refuse(400, `Unknown designator '${designator}' in ACL: '${value}'`);
  }
  if (isWrite) throw refuse(400, `Referrers not allowed in write ACL: '${value}'`);
  const isNegated = host.startsWith('-');
  let name = isNegated ? host.slice(1).trim() : host;
  if (name !== '*' && name.startsWith('*')) name = name.slice(1).trim();
  if (name === '' || name === '.') {
    throw refuse(400, `No host/domain value after referrer designation in ACL: '${value}'`);
  }
  return `.r:${isNegated ? '-' : ''}${name}`;
}

export function aclParse(text: string | null): Acl {
  if (text === null || text === '') return noAcl;
  const values = text.split(',');
  return {
    referrers: values.filter((value) => value.startsWith('.r:')).map((value) => value.slice(3)),
    groups: values
      .filter((value) => !value.startsWith('.r:'))
      .map((value) => percentDecodeLax(value) ?? value),
  };
}

/** The last designation that fits the referring host decides. */
export function referrerAllows(referer: string | undefined, { referrers }: Acl): boolean {
  if (referrers.length === 0) return false;
  const host = hostOf(referer ?? '');
  const fits = (name: string): boolean =>
    name === host || (name.startsWith('.') && host.endsWith(name));
  return referrers.reduce((allowed, name) => {
    if (name.startsWith('-')) return fits(name.slice(1)) ? false : allowed;
    return name === '*' || fits(name) ? true : allowed;
  }, false);
}

const hostOf = (referer: string): string => {
  const name = URL.parse(referer)?.hostname ?? '';
  return name === '' ? 'unknown' : name;
};

/** `X-Account-Access-Control`. */
export interface AccountAcl {
  readonly admin: readonly string[];
  readonly 'read-write': readonly string[];
  readonly 'read-only': readonly string[];
}

const accountKeys = ['admin', 'read-write', 'read-only'] as const;

/** What is kept: the lists that were given. Throws 400 with the reason; null: nothing is left, which removes. */
export function accountAclParse(text: string): Json {
  const bad = (reason: string): Error =>
    refuse(400, `X-Account-Access-Control invalid: ${reason}\n\nInput: ${text}\n`);
  if (text === '') return null;
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    parsed = null;
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw bad(`Syntax error in input ('${text}')`);
  }
  for (const [key, list] of Object.entries(parsed)) {
    if (!accountKeys.some((known) => known === key)) {
      throw bad(`Key ${JSON.stringify(key)} not recognized`);
    }
    if (!Array.isArray(list)) throw bad(`Value for key ${JSON.stringify(key)} must be a list`);
    if (!list.every((grantee) => typeof grantee === 'string')) {
      throw bad(`Elements of ${JSON.stringify(key)} list must be strings`);
    }
  }
  const given = parsed as Readonly<Record<string, readonly string[]>>;
  return accountAclOf(given) === null ? null : given;
}

export function accountAclOf(stored: Json | undefined): AccountAcl | null {
  if (typeof stored !== 'object' || stored === null) return null;
  const lists = stored as Partial<Record<(typeof accountKeys)[number], readonly string[]>>;
  const acl: AccountAcl = {
    admin: lists.admin ?? [],
    'read-write': lists['read-write'] ?? [],
    'read-only': lists['read-only'] ?? [],
  };
  return accountKeys.every((key) => acl[key].length === 0) ? null : acl;
}

/** As Swift shows it: ASCII, keys in order, no blanks. */
export function accountAclText(stored: Json): string {
  const lists = Object.entries(stored as Readonly<Record<string, Json>>);
  return JSON.stringify(
    Object.fromEntries(lists.toSorted(([a], [b]) => (a < b ? -1 : 1))),
  ).replaceAll(/[\u0080-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
