/** Arithmetic of addresses and prefixes, both versions; text in the form of RFC 5952. */

export interface Address {
  readonly version: 4 | 6;
  readonly value: bigint;
}

export interface Prefix {
  readonly version: 4 | 6;
  /** Lowest address. */
  readonly first: bigint;
  readonly last: bigint;
  readonly length: number;
}

export interface Range {
  readonly first: bigint;
  readonly last: bigint;
}

export const bitsOf = (version: 4 | 6): number => (version === 4 ? 32 : 128);

/** Null when the text is no address. No leading zeros in IPv4, no zone in IPv6. */
export function addressParse(text: string): Address | null {
  const value = text.includes(':') ? parse6(text) : parse4(text);
  return value === null ? null : { version: text.includes(':') ? 6 : 4, value };
}

function parse4(text: string): bigint | null {
  const parts = text.split('.');
  if (parts.length !== 4) return null;
  let value = 0n;
  for (const part of parts) {
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return null;
    value = (value << 8n) | BigInt(part);
  }
  return value;
}

function parse6(text: string): bigint | null {
  const halves = text.split('::');
  if (halves.length > 2) return null;
  const [head, tail] = halves.map((half) => groupsOf(half));
  if (head === null || head === undefined || tail === null) return null;
  const missing = 8 - head.length - (tail?.length ?? 0);
  if (tail === undefined ? missing !== 0 : missing < 1) return null;
  const groups = [...head, ...Array<bigint>(missing).fill(0n), ...(tail ?? [])];
  return groups.reduce((value, group) => (value << 16n) | group, 0n);
}

/** Null when malformed. The last group may be an IPv4 address. */
function groupsOf(text: string): bigint[] | null {
  if (text === '') return [];
  const groups: bigint[] = [];
  const parts = text.split(':');
  for (const [index, part] of parts.entries()) {
    if (part.includes('.') && index === parts.length - 1) {
      const low = parse4(part);
      if (low === null) return null;
      groups.push(low >> 16n, low & 0xffffn);
    } else if (/^[0-9a-f]{1,4}$/i.test(part)) groups.push(BigInt(`0x${part}`));
    else return null;
  }
  return groups;
}

export function addressText({ version, value }: Address): string {
  if (version === 4) {
    return [24n, 16n, 8n, 0n].map((shift) => String((value >> shift) & 255n)).join('.');
  }
  const groups = Array.from({ length: 8 }, (_, index) =>
    ((value >> BigInt(112 - 16 * index)) & 0xffffn).toString(16),
  );
  const text = groups.join(':');
  // The longest run of zero groups, the first of equals; a single one is written out.
  const runs = [...text.matchAll(/(?<=^|:)0(?::0)+(?=:|$)/g)];
  const longest = runs.toSorted((a, b) => b[0].length - a[0].length || a.index - b.index)[0];
  if (longest === undefined) return text;
  const before = text.slice(0, longest.index).replace(/:$/, '');
  const after = text.slice(longest.index + longest[0].length).replace(/^:/, '');
  return `${before}::${after}`;
}

/** The canonical form, or null. */
export function addressCanonical(text: string): string | null {
  const address = addressParse(text);
  return address === null ? null : addressText(address);
}

/** Sorts as text as the addresses sort as numbers, within one version. */
export const addressKey = ({ version, value }: Address): string =>
  value.toString(16).padStart(bitsOf(version) / 4, '0');
export const keyValue = (key: string): bigint => BigInt(`0x${key}`);

/** Null when malformed; host bits are dropped. A bare address is a prefix of full length. */
export function prefixParse(text: string): Prefix | null {
  const [addressPart = '', lengthPart, ...rest] = text.split('/');
  const address = addressParse(addressPart);
  if (address === null || rest.length > 0) return null;
  const bits = bitsOf(address.version);
  const length = lengthPart === undefined ? bits : lengthOf(lengthPart, bits);
  return length === null ? null : prefixAt(address.version, address.value, length);
}

const lengthOf = (text: string, bits: number): number | null =>
  /^\d{1,3}$/.test(text) && Number(text) <= bits ? Number(text) : null;

export function prefixAt(version: 4 | 6, value: bigint, length: number): Prefix {
  const size = 1n << BigInt(bitsOf(version) - length);
  const first = value - (value % size);
  return { version, first, last: first + size - 1n, length };
}

export const prefixText = ({ version, first, length }: Prefix): string =>
  `${addressText({ version, value: first })}/${length}`;

export const prefixHas = (prefix: Prefix, address: Address): boolean =>
  prefix.version === address.version &&
  address.value >= prefix.first &&
  address.value <= prefix.last;

export const prefixContains = (outer: Prefix, inner: Prefix): boolean =>
  outer.version === inner.version && inner.first >= outer.first && inner.last <= outer.last;

export const rangesOverlap = (a: Range, b: Range): boolean =>
  a.first <= b.last && b.first <= a.last;

export const prefixesOverlap = (a: Prefix, b: Prefix): boolean =>
  a.version === b.version && rangesOverlap(a, b);

/** What hosts can have: without network and broadcast address in IPv4, without the anycast address in IPv6. */
export function hostRange({ version, first, last, length }: Prefix): Range {
  if (version === 4) return length >= 31 ? { first, last } : { first: first + 1n, last: last - 1n };
  return length >= 127 ? { first, last } : { first: first + 1n, last };
}

/** The parts of a range that are left when one address is taken out. */
export function rangeWithout(range: Range, value: bigint | null): Range[] {
  if (value === null || value < range.first || value > range.last) return [range];
  return [
    { first: range.first, last: value - 1n },
    { first: value + 1n, last: range.last },
  ].filter(({ first, last }) => first <= last);
}

/** Ranges that touch become one. */
export function rangesMerge(ranges: readonly Range[]): Range[] {
  const merged: Range[] = [];
  for (const range of ranges.toSorted((a, b) => (a.first < b.first ? -1 : 1))) {
    const before = merged.at(-1);
    if (before === undefined || range.first > before.last + 1n) merged.push(range);
    else if (range.last > before.last) {
      merged[merged.length - 1] = { first: before.first, last: range.last };
    }
  }
  return merged;
}

/** RFC 4291, appendix A: the address that a guest makes of its MAC in a /64. */
export function eui64({ first }: Prefix, mac: string): Address {
  const bytes = mac.split(':').map((byte) => BigInt(`0x${byte}`));
  const [a = 0n, b = 0n, c = 0n, d = 0n, e = 0n, f = 0n] = bytes;
  const id = [a ^ 2n, b, c, 0xffn, 0xfen, d, e, f].reduce(
    (value, byte) => (value << 8n) | byte,
    0n,
  );
  return { version: 6, value: first + id };
}

/** Lower case with colons; null when malformed. */
export function macCanonical(text: string): string | null {
  const digits = text.replaceAll(/[:.-]/g, '').toLowerCase();
  if (
    !/^([0-9a-f]{2}[:-]){5}[0-9a-f]{2}$|^([0-9a-f]{4}\.){2}[0-9a-f]{4}$|^[0-9a-f]{12}$/i.test(text)
  )
    return null;
  return digits.match(/../g)?.join(':') ?? null;
}
