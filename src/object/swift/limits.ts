import { headerEncode } from './header-text.ts';
import type { Headers } from './place.ts';
import type { SwiftRequest } from './swift.request.ts';
import { refuse } from './swift.reply.ts';

/** Published by /info. */
export const limits = {
  maxFileBytes: 5_368_709_122,
  metaNameBytes: 128,
  metaValueBytes: 256,
  metaCount: 90,
  metaOverallBytes: 4096,
  headerBytes: 8192,
  objectNameBytes: 1024,
  containerNameBytes: 256,
  accountNameBytes: 256,
  listing: 10_000,
} as const;

/** As sent: one byte of what is no UTF-8 counts as one. */
const bytesOf = (text: string): number => headerEncode(text).length;

export type Kind = 'account' | 'container' | 'object';

/**
 * The user metadata of a request by its bare names, checked. Empty values stay: of accounts and containers they remove,
 * an object keeps them.
 */
export function metaOf(headers: Headers, kind: Kind): Record<string, string> {
  const prefix = `x-${kind}-meta-`;
  const meta: Record<string, string> = {};
  for (const [name, value = ''] of Object.entries(headers)) {
    if (bytesOf(value) > limits.headerBytes) {
      throw refuse(400, `Header value too long: ${name.slice(0, limits.metaNameBytes)}`);
    }
    if (!name.startsWith(prefix)) continue;
    const key = name.slice(prefix.length);
    if (value.includes('\0')) throw refuse(400, 'Metadata must be valid UTF-8');
    if (key === '') throw refuse(400, 'Metadata name cannot be empty');
    if (bytesOf(key) > limits.metaNameBytes) throw refuse(400, `Metadata name too long: ${name}`);
    if (bytesOf(value) > limits.metaValueBytes) {
      throw refuse(400, `Metadata value longer than ${limits.metaValueBytes}: ${name}`);
    }
    meta[key] = value;
  }
  metaCheck(meta);
  return meta;
}

/** Of a request alone, and for accounts and containers of what it leads to. */
export function metaCheck(meta: Readonly<Record<string, string>>): void {
  const entries = Object.entries(meta).filter(([, value]) => value !== '');
  if (entries.length > limits.metaCount) {
    throw refuse(400, `Too many metadata items; max ${limits.metaCount}`);
  }
  const sum = entries.reduce((size, [key, value]) => size + bytesOf(key) + bytesOf(value), 0);
  if (sum > limits.metaOverallBytes) {
    throw refuse(400, `Total metadata too large; max ${limits.metaOverallBytes}`);
  }
}

/** What accounts and containers keep: new values replace old ones, empty ones and `X-Remove-` take away. */
export function metaMerge(
  old: Readonly<Record<string, string>>,
  headers: Headers,
  kind: Kind,
): Record<string, string> {
  const merged: Record<string, string> = { ...old };
  const removed = `x-remove-${kind}-meta-`;
  for (const name of Object.keys(headers)) {
    if (name.startsWith(removed)) delete merged[name.slice(removed.length)];
  }
  for (const [key, value] of Object.entries(metaOf(headers, kind))) {
    if (value === '') delete merged[key];
    else merged[key] = value;
  }
  metaCheck(merged);
  return merged;
}

const asPage = { 'content-type': 'text/html; charset=UTF-8' };

export function nameCheck({ container, object }: SwiftRequest): void {
  if (container !== null && bytesOf(container) > limits.containerNameBytes) {
    throw refuse(
      400,
      `Container name length of ${bytesOf(container)} longer than ${limits.containerNameBytes}`,
      asPage,
    );
  }
  if (object !== null && bytesOf(object) > limits.objectNameBytes) {
    throw refuse(
      400,
      `Object name length of ${bytesOf(object)} longer than ${limits.objectNameBytes}`,
      asPage,
    );
  }
}

/** When the object is to expire, milliseconds; undefined: nothing is said; null: no longer. */
export function expiryOf(headers: Headers, nowMs: number): number | null | undefined {
  const { 'x-delete-after': after, 'x-delete-at': at } = headers;
  if ('x-remove-delete-at' in headers) return null;
  const whole = (text: string, name: string): number => {
    if (!/^\s*[+-]?\d+\s*$/.test(text)) throw refuse(400, `Non-integer ${name}`);
    return Number(text);
  };
  let seconds: number;
  if (after !== undefined && after !== '') {
    const delay = whole(after, 'X-Delete-After');
    if (delay <= 0) throw refuse(400, 'X-Delete-After in past');
    seconds = Math.floor(nowMs / 1000) + delay;
  } else if (at !== undefined && at !== '') {
    seconds = whole(at, 'X-Delete-At');
    if (seconds * 1000 < nowMs) throw refuse(400, 'X-Delete-At in past');
  } else {
    return at === undefined ? undefined : null;
  }
  if (seconds > 9_999_999_999) seconds = 9_999_999_999;
  return seconds * 1000;
}
