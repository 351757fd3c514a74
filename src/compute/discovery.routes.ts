import { endpointsOf } from '../kernel/http/endpoint.ts';
import { Type } from '../kernel/type.ts';
import { version, versionText } from '../kernel/version.ts';
import type { ComputeWorld } from './compute.world.ts';

const endpoint = endpointsOf<ComputeWorld>();

export const versionMin = version('2.1');
/** The newest microversion of which everything that exists here is true. */
export const versionMax = version('2.96');

const Link = Type.Object({
  rel: Type.String(),
  href: Type.String(),
  type: Type.Optional(Type.String()),
});
const Discovered = Type.Object({
  id: Type.String(),
  status: Type.String(),
  version: Type.String(),
  min_version: Type.String(),
  updated: Type.String(),
  links: Type.Array(Link),
});

const discovered = (href: string) => ({
  id: 'v2.1',
  status: 'CURRENT',
  version: versionText(versionMax),
  min_version: versionText(versionMin),
  updated: '2013-07-23T11:33:21Z',
  links: [{ rel: 'self', href }],
});

const OneVersion = Type.Object({
  version: Type.Intersect([
    Discovered,
    Type.Object({
      'media-types': Type.Array(Type.Object({ base: Type.String(), type: Type.String() })),
    }),
  ]),
});

/** What `/v2` is: v2.1 without microversions. */
const older = (href: string) => ({
  id: 'v2.0',
  status: 'DEPRECATED',
  version: '',
  min_version: '',
  updated: '2011-01-21T11:33:21Z',
  links: [{ rel: 'self', href }],
});

export const discoveryRoutes = [
  endpoint(
    {
      id: 'versions.list',
      method: 'GET',
      path: '/',
      rule: null,
      auth: 'none',
      reply: { 200: Type.Object({ versions: Type.Array(Discovered) }) },
    },
    ({ baseUrl }) => ({
      status: 200,
      body: { versions: [older(`${baseUrl}/v2/`), discovered(`${baseUrl}/v2.1/`)] },
    }),
  ),
  ...(['/v2', '/v2.1'] as const).map((path) =>
    endpoint(
      {
        id: `versions.show${path}`,
        method: 'GET',
        path,
        rule: null,
        auth: 'none',
        reply: { 200: OneVersion },
      },
      ({ baseUrl }) => {
        const href = `${baseUrl}${path}/`;
        const { links, ...rest } = path === '/v2' ? older(href) : discovered(href);
        const describedBy = {
          rel: 'describedby',
          type: 'text/html',
          href: 'https://docs.openstack.org/',
        };
        const media = {
          base: 'application/json',
          type: `application/vnd.openstack.compute+json;version=${path === '/v2' ? '2' : '2.1'}`,
        };
        return {
          status: 200,
          body: { version: { ...rest, links: [...links, describedBy], 'media-types': [media] } },
        };
      },
    ),
  ),
];
