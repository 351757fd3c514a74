import type { ObjectWorld } from '../object.world.ts';
import { refuse } from './swift.reply.ts';
import type { RawRequest } from './swift.request.ts';

/** `container.account.domain/object` is `/v1/account/container/object`. Host names know no capitals and no underscore. */
export function domainRemap({ settings }: ObjectWorld, request: RawRequest): RawRequest {
  const { path } = request;
  const host = (request.headers['host'] ?? '').replace(/:\d+$/, '').toLowerCase();
  const domain = settings.swiftDomains.find((one) => host.endsWith(`.${one.toLowerCase()}`));
  if (domain === undefined) return request;
  const parts = host.slice(0, -domain.length - 1).split('.');
  if (parts.length > 2) throw refuse(400, 'Bad domain in host header');
  const [first = '', second] = parts;
  const named = second ?? first;
  const container = second === undefined ? null : first;
  const account = accountOf(named, settings.resellerPrefix);
  const below = path.replace(/^\/v1(\.0)?(?=\/|$)/, '');
  const root = `/v1/${account}${container === null ? '' : `/${container}`}`;
  const rest = below === '' || below === '/' ? '' : below.startsWith('/') ? below : `/${below}`;
  return { ...request, path: root + rest };
}

function accountOf(label: string, prefix: string): string {
  const dashed = prefix.replace(/_$/, '').toLowerCase();
  if (label.startsWith(`${dashed}-`) || label.startsWith(`${dashed}_`))
    return prefix + label.slice(dashed.length + 1);
  return prefix + label;
}
