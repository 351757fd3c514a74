import { Type } from '../kernel/type.ts';
import { endpoint } from './collection.routes.ts';
import { Links } from './collection.schema.ts';

const Version = Type.Object({ id: Type.String(), status: Type.String(), links: Links });

/** Collections of the API by the word in their path. */
const collections = [
  'networks',
  'subnets',
  'subnetpools',
  'ports',
  'security-groups',
  'security-group-rules',
  'quotas',
  'extensions',
];

const versionOf = (baseUrl: string) => ({
  id: 'v2.0',
  status: 'CURRENT',
  links: [{ rel: 'self', href: `${baseUrl}/v2.0/` }],
});

export const discoveryRoutes = [
  endpoint(
    {
      id: 'versions.list',
      method: 'GET',
      path: '/',
      rule: null,
      auth: 'none',
      reply: { 200: Type.Object({ versions: Type.Array(Version) }) },
    },
    ({ baseUrl }) => ({ status: 200, body: { versions: [versionOf(baseUrl)] } }),
  ),
  endpoint(
    {
      id: 'versions.show',
      method: 'GET',
      path: '/v2.0',
      rule: null,
      auth: 'none',
      reply: {
        200: Type.Object({
          resources: Type.Array(
            Type.Object({ name: Type.String(), collection: Type.String(), links: Links }),
          ),
        }),
      },
    },
    ({ baseUrl }) => ({
      status: 200,
      body: {
        resources: collections.map((path) => ({
          name: path.replace(/s$/, '').replace('policie', 'policy').replaceAll('-', '_'),
          collection: path.replaceAll('-', '_'),
          links: [{ rel: 'self', href: `${baseUrl}/v2.0/${path}` }],
        })),
      },
    }),
  ),
];
