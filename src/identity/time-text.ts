import { invalid } from '../kernel/errors.ts';

/** ISO 8601 to microseconds since the epoch; without a zone it is UTC. */
export function timeParse(text: string): number {
  const match =
    /^(\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2})?)(?:\.(\d{1,6})\d*)?(Z|[+-]\d{2}:?\d{2})?$/i.exec(
      text.trim(),
    );
  const [, whole = '', fraction = '', zone = 'Z'] = match ?? [];
  const ms = Date.parse(`${whole.replace(' ', 'T')}${zone.toUpperCase()}`);
  if (Number.isNaN(ms)) {
    throw invalid(
      'Timestamp not in expected format. The server could not comply with the request since it is either malformed or otherwise incorrect. The client is assumed to be in error.',
    );
  }
  return ms * 1000 + Number(fraction.padEnd(6, '0'));
}

/** `2026-11-21T06:05:23.123456`, without a zone. */
export function timeText(us: number): string {
  const seconds = new Date(Math.floor(us / 1e6) * 1000).toISOString().slice(0, 19);
  return `${seconds}.${String(us % 1e6).padStart(6, '0')}`;
}

/** For things that end: the moment must lie ahead. */
export function expiryParse(text: string | null | undefined, nowMs: number): number | null {
  if (text === null || text === undefined) return null;
  const us = timeParse(text);
  if (us > nowMs * 1000) return us;
  throw invalid(
    "The 'expires_at' must not be before now. The server could not comply with the request since it is either malformed or otherwise incorrect. The client is assumed to be in error.",
  );
}
