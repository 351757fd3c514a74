import type { Entry } from 'ldapts';
import type { DirectoryGroup, DirectoryUser } from '../../identity/directory.model.ts';
import type { Profile } from './profile.ts';

/** Attributes whose values are bytes. */
export const binaryAttributes = ['objectGUID'];

/** Attribute names mind no case, and a server answers with its own. */
function rawOf(entry: Entry, attribute: string): readonly (string | Buffer)[] {
  const wanted = attribute.toLowerCase();
  const name = Object.keys(entry).find((key) => key.toLowerCase() === wanted);
  const value = name === undefined || name === 'dn' ? [] : (entry[name] ?? []);
  return Array.isArray(value) ? value : [value];
}

export const valuesOf = (entry: Entry, attribute: string): string[] =>
  rawOf(entry, attribute).map((value) =>
    typeof value === 'string' ? value : binaryText(attribute, value),
  );

export const valueOf = (entry: Entry, attribute: string): string | null =>
  valuesOf(entry, attribute)[0] ?? null;

const binaryText = (attribute: string, value: Buffer): string =>
  attribute.toLowerCase() === 'objectguid' ? guidText(value) : value.toString('utf8');

/** Microsoft writes the first three parts of a GUID with the low byte first. */
function guidText(bytes: Buffer): string {
  if (bytes.length !== 16) return bytes.toString('hex');
  const part = (from: number, to: number): Buffer => bytes.subarray(from, to);
  const parts = [part(0, 4), part(4, 6), part(6, 8)].map((low) => Buffer.from(low).reverse());
  return [...parts, part(8, 10), part(10, 16)].map((one) => one.toString('hex')).join('-');
}

/** What an id is compared with in the directory; null: it cannot be one. */
export function idValue(attribute: string, localId: string): string | Buffer | null {
  if (attribute.toLowerCase() !== 'objectguid') return localId;
  const hex = localId.replaceAll('-', '');
  if (!/^[0-9a-f]{32}$/i.test(hex)) return null;
  const bytes = Buffer.from(hex, 'hex');
  for (const [from, to] of [
    [0, 4],
    [4, 6],
    [6, 8],
  ] as const) {
    bytes.subarray(from, to).reverse();
  }
  return bytes;
}

/** Null: it lacks a name or an id, so it is no user or group of ours. */
export function userOf(
  entry: Entry,
  profile: Profile,
  facts: { readonly nowMs: number; readonly enabledDns: ReadonlySet<string> | null },
): DirectoryUser | null {
  const { user } = profile;
  const [localId, name] = [valueOf(entry, user.idAttribute), valueOf(entry, user.nameAttribute)];
  if (localId === null || name === null) return null;
  const mail = valueOf(entry, user.mailAttribute);
  return {
    localId,
    dn: entry.dn,
    name,
    description: valueOf(entry, user.descriptionAttribute) ?? '',
    extra: { ...(mail !== null && { email: mail }), ...extraOf(entry, user.more) },
    isEnabled:
      (facts.enabledDns === null
        ? isEnabled(entry, user.enabled)
        : facts.enabledDns.has(entry.dn.toLowerCase())) && !isExpired(entry, facts.nowMs),
    defaultProjectId:
      user.defaultProjectAttribute === null ? null : valueOf(entry, user.defaultProjectAttribute),
  };
}

export function groupOf(entry: Entry, { group }: Profile): DirectoryGroup | null {
  const [localId, name] = [valueOf(entry, group.idAttribute), valueOf(entry, group.nameAttribute)];
  if (localId === null || name === null) return null;
  const description = valueOf(entry, group.descriptionAttribute) ?? '';
  return { localId, dn: entry.dn, name, description, extra: extraOf(entry, group.more) };
}

function extraOf(entry: Entry, more: Profile['user']['more']): Record<string, unknown> {
  const found = more.flatMap(([attribute, name]) => {
    const value = valueOf(entry, attribute);
    return value === null ? [] : [[name, value] as const];
  });
  return Object.fromEntries(found);
}

function isEnabled(entry: Entry, enabled: Profile['user']['enabled']): boolean {
  if (enabled.attribute === null) return true;
  const value = valueOf(entry, enabled.attribute) ?? enabled.byDefault;
  const mask = enabled.mask ?? 0;
  if (mask !== 0) return (Number(value ?? 0) & mask) !== mask;
  const isTrue = ['true', '1', 'yes', 'on'].includes((value ?? 'true').toLowerCase());
  return enabled.isInverted ? !isTrue : isTrue;
}

const dayMs = 86_400_000;
/** Between 1601 and 1970. */
const windowsEpochMs = 11_644_473_600_000;
const never = 9_223_372_036_854_775_807n;

function isExpired(entry: Entry, nowMs: number): boolean {
  const accountExpires = valueOf(entry, 'accountExpires');
  if (accountExpires !== null && /^\d+$/.test(accountExpires)) {
    const ticks = BigInt(accountExpires);
    if (ticks !== 0n && ticks !== never) return Number(ticks / 10_000n) - windowsEpochMs <= nowMs;
  }
  const shadowExpire = Number(valueOf(entry, 'shadowExpire') ?? -1);
  return shadowExpire >= 0 && shadowExpire * dayMs <= nowMs;
}

/** Why an account that proved its password may still not be used; null: it may. */
export function refusalOf(entry: Entry, user: DirectoryUser, nowMs: number): string | null {
  if (isExpired(entry, nowMs)) return 'the account has expired';
  if (!user.isEnabled) return 'the account is disabled';
  const state = Number(valueOf(entry, 'msDS-User-Account-Control-Computed') ?? 0);
  if ((state & 0x10) !== 0) return 'the account is locked';
  if ((state & 0x80_0000) !== 0) return 'the password has expired';
  if (valueOf(entry, 'pwdLastSet') === '0') return 'the password must be changed first';
  return null;
}

/** Microsoft's reasons in the text of error 49. */
const bindReasons: Readonly<Record<string, string>> = {
  '525': 'no such user',
  '52e': 'the password is wrong',
  '530': 'the account may not log in at this time',
  '531': 'the account may not log in from here',
  '532': 'the password has expired',
  '533': 'the account is disabled',
  '568': 'the account is in too many groups',
  '701': 'the account has expired',
  '773': 'the password must be changed first',
  '775': 'the account is locked',
};

export function bindReason(message: string, entry: Entry | null): string {
  const code = /\bdata ([0-9a-f]+)\b/i.exec(message)?.[1]?.toLowerCase();
  if (code !== undefined) return bindReasons[code] ?? `the directory refuses (${code})`;
  const isLocked = entry !== null && valueOf(entry, 'pwdAccountLockedTime') !== null;
  return isLocked ? 'the account is locked' : 'the password is wrong';
}
