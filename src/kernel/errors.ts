/** Every failure a caller can act on. Whatever else is thrown is a bug and becomes a 500. */
export type FailureKind =
  | 'invalid'
  | 'unauthenticated'
  | 'forbidden'
  | 'not_found'
  | 'method_not_allowed'
  | 'not_acceptable'
  | 'conflict'
  | 'precondition_failed'
  | 'too_large'
  | 'unsupported_media'
  | 'over_quota'
  | 'no_capacity'
  | 'not_implemented'
  | 'unavailable';

export interface FailureOptions {
  /** Goes to the log, never to the client. */
  readonly detail?: Readonly<Record<string, unknown>>;
  /** The API's own name of the error where it has one (Neutron's `SubnetInUse`, S3's `NoSuchKey`). */
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
}

/** `message` is what the client reads; clients and Tempest match some of these texts. */
export class Failure extends Error {
  override readonly name = 'Failure';
  readonly kind: FailureKind;
  readonly type: string | null;
  readonly detail: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, string>>;

  constructor(kind: FailureKind, message: string, options: FailureOptions = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.kind = kind;
    this.type = options.type ?? null;
    this.detail = options.detail ?? {};
    this.headers = options.headers ?? {};
  }
}

export const invalid = (message: string, options?: FailureOptions): Failure =>
  new Failure('invalid', message, options);
export const forbidden = (message: string, options?: FailureOptions): Failure =>
  new Failure('forbidden', message, options);
export const notFound = (message: string, options?: FailureOptions): Failure =>
  new Failure('not_found', message, options);
export const conflict = (message: string, options?: FailureOptions): Failure =>
  new Failure('conflict', message, options);
export const unavailable = (message: string, options?: FailureOptions): Failure =>
  new Failure('unavailable', message, options);

/** The whole chain of causes, outermost first: what the log prints once, at the edge. */
export function causesOf(error: unknown): string[] {
  const chain: string[] = [];
  for (let at: unknown = error; at !== undefined && at !== null && chain.length < 10;) {
    chain.push(at instanceof Error ? (at.stack ?? at.message) : (JSON.stringify(at) ?? typeof at));
    at = at instanceof Error ? at.cause : undefined;
  }
  return chain;
}
