import { isIPv6 } from 'node:net';

/** RFC 5952's one form of an IPv6 address, which is what Nova shows; anything else stays as it is. */
export function addressShort<T extends string | null | undefined>(text: T): T | string {
  if (typeof text !== 'string' || !isIPv6(text)) return text;
  return new URL(`http://[${text}]`).hostname.slice(1, -1);
}
