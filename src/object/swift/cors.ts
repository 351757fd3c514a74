import { containerGet } from '../container.ts';
import type { ObjectWorld } from '../object.world.ts';
import { metaIn } from './quota.ts';
import { reply, type SwiftReply } from './swift.reply.ts';
import type { Place } from './place.ts';
import type { SwiftRequest } from './swift.request.ts';

/** What a container says of pages of other origins. */
interface CorsRules {
  readonly origins: readonly string[];
  readonly maxAge: string | null;
  readonly exposed: readonly string[];
}

async function rulesOf(world: ObjectWorld, { account, container }: Place): Promise<CorsRules> {
  const found = container === null ? null : await containerGet(world, account, container);
  const meta = found === null ? {} : metaIn(found.documents);
  const words = (name: string): string[] =>
    (meta[name] ?? '').split(/[\s,]+/).filter((word) => word !== '');
  return {
    origins: words('access-control-allow-origin'),
    maxAge: meta['access-control-max-age'] ?? null,
    exposed: words('access-control-expose-headers'),
  };
}

const admits = ({ origins }: CorsRules, origin: string): boolean =>
  origins.includes('*') || origins.includes(origin);

const methodsOf = ({ container, object }: Place): readonly string[] => {
  const common = ['GET', 'HEAD', 'PUT', 'POST', 'OPTIONS', 'DELETE'];
  if (object !== null) return [...common, 'COPY'];
  return container === null ? ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS'] : common;
};

/** OPTIONS: what may be done, and for a browser whether its page may do it. */
export async function optionsReply(world: ObjectWorld, request: SwiftRequest): Promise<SwiftReply> {
  const methods = methodsOf(request);
  const allow = methods.join(', ');
  const origin = request.headers['origin'];
  if (origin === undefined || origin === '') return { status: 200, headers: { allow } };
  const rules = await rulesOf(world, request);
  const wanted = request.headers['access-control-request-method'];
  if (!admits(rules, origin) || wanted === undefined || !methods.includes(wanted)) {
    return reply(401, null, { allow });
  }
  const asked = (request.headers['access-control-request-headers'] ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  return {
    status: 200,
    headers: {
      allow,
      'access-control-allow-origin': rules.origins.includes('*') ? '*' : origin,
      'access-control-allow-methods': allow,
      ...(rules.maxAge !== null && { 'access-control-max-age': rules.maxAge }),
      ...(asked.length > 0 && { 'access-control-allow-headers': asked.join(', ') }),
      vary: 'Origin, Access-Control-Request-Headers',
    },
  };
}

const alwaysExposed = [
  'cache-control',
  'content-language',
  'content-type',
  'expires',
  'last-modified',
  'pragma',
];

/** Lets the browser show an answer to a page of another origin. */
export async function corsDress(
  world: ObjectWorld,
  request: SwiftRequest,
  got: SwiftReply,
): Promise<SwiftReply> {
  const origin = request.headers['origin'];
  if (origin === undefined || origin === '' || request.method === 'OPTIONS') return got;
  const rules = await rulesOf(world, request);
  if (!admits(rules, origin)) return got;
  const own = Object.keys(got.headers).filter((name) => /^x-(object|container)-meta-/.test(name));
  const exposed = [
    ...alwaysExposed,
    'etag',
    'x-timestamp',
    'x-trans-id',
    'x-openstack-request-id',
    ...own,
    ...rules.exposed,
  ];
  return {
    ...got,
    headers: {
      ...got.headers,
      'access-control-expose-headers': [...new Set(exposed.map((name) => name.toLowerCase()))].join(
        ', ',
      ),
      'access-control-allow-origin': rules.origins.includes('*') ? '*' : origin,
      ...(!rules.origins.includes('*') && { vary: 'Origin' }),
    },
  };
}
