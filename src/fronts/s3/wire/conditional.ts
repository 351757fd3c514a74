import { S3Failure } from '../failure.ts';

export interface Conditions {
  readonly ifMatch: string | null;
  readonly ifNoneMatch: string | null;
  readonly modifiedSinceMs: number | null;
  readonly unmodifiedSinceMs: number | null;
}

export interface Validators {
  readonly etag: string;
  readonly modifiedMs: number;
}

/** Reads conditions out of headers; a copy has them under names of its own. */
export function conditionsOf(header: (name: string) => string | null, prefix = ''): Conditions {
  return {
    ifMatch: header(`${prefix}if-match`),
    ifNoneMatch: header(`${prefix}if-none-match`),
    modifiedSinceMs: httpDateMs(header(`${prefix}if-modified-since`)),
    unmodifiedSinceMs: httpDateMs(header(`${prefix}if-unmodified-since`)),
  };
}

/** A date that is none is no condition (RFC 9110, section 13.1.3). */
function httpDateMs(text: string | null): number | null {
  const ms = Date.parse(text ?? '');
  return Number.isNaN(ms) ? null : ms;
}

export function etagMatches(header: string, etag: string): boolean {
  return header.split(',').some((part) => {
    const text = part.trim().replace(/^W\//, '');
    return text === '*' || text.replace(/^"(.*)"$/, '$1') === etag;
  });
}

const precondition = (name: string): S3Failure =>
  new S3Failure('PreconditionFailed', undefined, { fields: { Condition: name } });

/** The order of RFC 9110, section 13.2.2, which S3 follows. True: nothing changed since (304). */
export function readIsNotModified(conditions: Conditions, of: Validators): boolean {
  const { ifMatch, ifNoneMatch, modifiedSinceMs, unmodifiedSinceMs } = conditions;
  // HTTP dates have no parts of seconds.
  const modifiedMs = Math.floor(of.modifiedMs / 1000) * 1000;
  if (ifMatch !== null) {
    if (!etagMatches(ifMatch, of.etag)) throw precondition('If-Match');
  } else if (unmodifiedSinceMs !== null && modifiedMs > unmodifiedSinceMs) {
    throw precondition('If-Unmodified-Since');
  }
  if (ifNoneMatch !== null) return etagMatches(ifNoneMatch, of.etag);
  return modifiedSinceMs !== null && modifiedMs <= modifiedSinceMs;
}

/** A copy has no 304: whatever does not hold refuses it. */
export function copyConditionsCheck(conditions: Conditions, of: Validators): void {
  if (readIsNotModified(conditions, of)) {
    throw precondition(
      conditions.ifNoneMatch === null
        ? 'x-amz-copy-source-If-Modified-Since'
        : 'x-amz-copy-source-If-None-Match',
    );
  }
}

/** If-Match and If-None-Match of a write, against what is there at the moment of writing. */
export function writeConditionsCheck(
  { ifMatch, ifNoneMatch }: Pick<Conditions, 'ifMatch' | 'ifNoneMatch'>,
  current: Pick<Validators, 'etag'> | null,
): void {
  if (ifNoneMatch !== null && current !== null && etagMatches(ifNoneMatch, current.etag)) {
    throw precondition('If-None-Match');
  }
  if (ifMatch === null) return;
  if (current === null) throw new S3Failure('NoSuchKey');
  if (!etagMatches(ifMatch, current.etag)) throw precondition('If-Match');
}

/** S3 writes know two conditions only: of no object at all, and of exactly this one. */
export function writeConditionsOf(
  header: (name: string) => string | null,
): Pick<Conditions, 'ifMatch' | 'ifNoneMatch'> {
  for (const name of ['If-Modified-Since', 'If-Unmodified-Since']) {
    if (header(name.toLowerCase()) === null) continue;
    throw new S3Failure('NotImplemented', undefined, { fields: { Header: name } });
  }
  const [ifMatch, ifNoneMatch] = [header('if-match'), header('if-none-match')];
  const isOdd = (ifNoneMatch !== null && ifNoneMatch !== '*') || ifMatch === '*';
  if (isOdd || (ifMatch !== null && ifNoneMatch !== null)) {
    throw new S3Failure('NotImplemented', undefined, {
      fields: { Header: ifNoneMatch === null ? 'If-Match' : 'If-None-Match' },
    });
  }
  return { ifMatch, ifNoneMatch };
}
