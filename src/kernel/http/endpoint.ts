import type { IncomingHttpHeaders } from 'node:http';
import type { Static, TSchema } from 'typebox';
import { Compile, type Validator } from 'typebox/schema';
import type { Context } from '../context.ts';
import { Failure } from '../errors.ts';
import { version, versionCompare, type Version } from '../version.ts';

export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'COPY' | 'OPTIONS';

/** Everything that is true of an endpoint; validation, OpenAPI, the policy matrix and the coverage tests derive from it. */
export interface Route<Body extends TSchema = TSchema> {
  /** `servers.create`: unique in its API. */
  readonly id: string;
  readonly method: Method;
  /** Below the mount of the API, parameters as `:name`: `/v2.1/servers/:serverId`. */
  readonly path: string;
  /** The policy rule its handler asks; null where being authenticated is enough, or nothing is asked. */
  readonly rule: string | null;
  /** `none`: no token needed (discovery, log-in). */
  readonly auth?: 'token' | 'none';
  /** Nova's actions: the only key of the body chooses among endpoints of one method and path. */
  readonly action?: string;
  /** First and last microversion in which the endpoint exists. */
  readonly since?: string;
  readonly until?: string;
  /** Names of the query parameters that mean something. */
  readonly query?: readonly string[];
  /** True: other query parameters are refused with 400. */
  readonly queryStrict?: boolean;
  /** Schema of the JSON body; several, each from a microversion on; `stream`: the handler reads the bytes. */
  readonly body?: Body | ByVersion<Body> | 'stream';
  /** Media types accepted besides application/json. */
  readonly mediaTypes?: readonly string[];
  /** Schema per status; null for no body. Checked in tests, published as OpenAPI. */
  readonly reply: Readonly<Record<number, TSchema | null>>;
  /** One line for the OpenAPI document. */
  readonly summary?: string;
  /** What the audit event names as target, e.g. `compute/server`; default: from API and path. */
  readonly auditType?: string;
}

export interface ByVersion<Body extends TSchema> {
  readonly from: readonly (readonly [since: string, schema: Body])[];
}
/** The body's schema changes with the microversion: each entry holds from its version on, lowest first. */
export const byVersion = <Body extends TSchema>(
  ...from: readonly (readonly [since: string, schema: Body])[]
): ByVersion<Body> => ({ from });

export interface Input<Body> {
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: Body;
  /** Media type of the body, without parameters. */
  readonly mediaType: string;
  /** The raw body, for `stream` endpoints; stalls and over-long bodies throw. */
  readonly stream: AsyncIterable<Buffer>;
}

export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** A value is sent as JSON, bytes and streams as they are (name their content-type in `headers`). */
  readonly body?: unknown;
  readonly bytes?: Uint8Array | string;
  readonly stream?: AsyncIterable<Uint8Array>;
  /** The chunks of the stream are nobody else's: their memory is given back when they are sent. */
  readonly isStreamOwned?: boolean;
}

export interface Endpoint<World> {
  readonly route: Route;
  /** Null from `schemaFor` means: this version takes no JSON body. */
  readonly validate: (body: unknown, at: Version) => void;
  readonly run: (context: Context<World>, input: Input<never>) => Promise<Reply> | Reply;
}

/**
 * Gives a service its `endpoint` function: binds a route's schemas to its handler. Body schemas are compiled at first
 * use, so that hundreds of endpoints cost nothing at start.
 */
export const endpointsOf =
  <World>() =>
  <Body extends TSchema = TSchema>(
    route: Route<Body>,
    run: (context: Context<World>, input: Input<Static<Body>>) => Promise<Reply> | Reply,
  ): Endpoint<World> => ({
    route: route as unknown as Route,
    validate: validatorOf(route as unknown as Route),
    run: run as unknown as Endpoint<World>['run'],
  });

function validatorOf({ body }: Route): Endpoint<unknown>['validate'] {
  if (body === undefined || body === 'stream') return () => {};
  const variants = (
    'from' in body ? (body as ByVersion<TSchema>).from : [['0.0', body] as const]
  ).map(([since, schema]) => ({
    since: since === '0.0' ? { major: 0, minor: 0 } : version(since),
    schema,
    compiled: null as Validator | null,
  }));
  return (value, at) => {
    const variant = variants.findLast(({ since }) => versionCompare(since, at) <= 0);
    if (variant === undefined) return;
    variant.compiled ??= Compile(variant.schema);
    if (variant.compiled.Check(value)) return;
    throw invalidBody(variant.compiled, value);
  };
}

function invalidBody(compiled: Validator, value: unknown): Failure {
  // An unknown property is reported where it stands, by no schema, and by the object that has it: the latter names it.
  const [, all] = compiled.Errors(value);
  const errors = all.filter(({ keyword }) => keyword !== 'boolean');
  // A failing union reports itself last and its branches first: the deepest path says most.
  const first = errors.toSorted((a, b) => b.instancePath.length - a.instancePath.length)[0];
  const path = first?.instancePath.split('/').filter(Boolean).join('.') ?? '';
  const extra =
    first?.keyword === 'additionalProperties'
      ? `Additional properties are not allowed (${JSON.stringify(first.params['additionalProperties'])})`
      : (first?.message ?? 'does not match');
  const where = path === '' ? 'Invalid input' : `Invalid input for field/attribute ${path}`;
  return new Failure('invalid', `${where}: ${extra}.`, { detail: { path } });
}
