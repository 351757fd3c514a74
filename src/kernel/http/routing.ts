import findMyWay, { type HTTPMethod } from 'find-my-way';
import { Failure, notFound } from '../errors.ts';
import { version, versionCompare, type Version } from '../version.ts';
import type { Api } from './api.ts';
import type { Endpoint } from './endpoint.ts';

export interface Match {
  readonly params: Readonly<Record<string, string>>;
  /** Endpoints of this method and path: they differ by microversion and by action. */
  readonly candidates: readonly Endpoint<unknown>[];
}

export interface Routing {
  /** Null: no such path. Throws `method_not_allowed` where only the method is wrong. */
  find(method: string, path: string): Match | null;
}

const methods: readonly HTTPMethod[] = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'COPY'];

export function routingOf(api: Api<never>): Routing {
  const router = findMyWay({
    ignoreTrailingSlash: api.isSlashStrict !== true,
    maxParamLength: 1_024,
  });
  const groups = new Map<string, Endpoint<unknown>[]>();
  for (const endpoint of api.endpoints as readonly unknown[] as readonly Endpoint<unknown>[]) {
    const { method, path } = endpoint.route;
    const key = `${method} ${path}`;
    const group = groups.get(key);
    if (group !== undefined) {
      group.push(endpoint);
      continue;
    }
    const started = [endpoint];
    groups.set(key, started);
    router.on(method as HTTPMethod, path, () => {}, started);
  }
  const lookup = (method: string, path: string): Match | null => {
    const found = router.find(method as HTTPMethod, path);
    if (found === null) return null;
    const params = found.params as Record<string, string>;
    return { params, candidates: found.store as Endpoint<unknown>[] };
  };
  return {
    find(method, path) {
      const match = lookup(method, path) ?? (method === 'HEAD' ? lookup('GET', path) : null);
      if (match !== null) return match;
      const allowed = methods.filter((other) => lookup(other, path) !== null);
      // `DELETE /things/` names a thing without a name: there is none.
      if (allowed.length === 0 || path.endsWith('/')) return null;
      throw new Failure('method_not_allowed', `The method ${method} is not allowed here.`, {
        headers: { Allow: allowed.join(', ') },
      });
    },
  };
}

/** The one endpoint that exists at this microversion and for this action. */
export function endpointChoose(match: Match, at: Version, body: unknown): Endpoint<unknown> {
  const alive = match.candidates.filter(
    ({ route }) =>
      (route.since === undefined || versionCompare(version(route.since), at) <= 0) &&
      (route.until === undefined || versionCompare(at, version(route.until)) <= 0),
  );
  const [first] = alive;
  if (first === undefined) throw notFound('The resource could not be found.');
  if (first.route.action === undefined) return first;
  const keys = typeof body === 'object' && body !== null ? Object.keys(body) : [];
  const action = keys.length === 1 ? keys[0] : undefined;
  const chosen = alive.find(({ route }) => route.action === action);
  if (chosen !== undefined) return chosen;
  // Nova answers so for every action that does not exist at the version asked for.
  throw new Failure('invalid', `There is no such action: ${action ?? JSON.stringify(keys)}`);
}
