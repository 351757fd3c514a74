import { endpointsOf, type Endpoint, type Reply } from '../kernel/http/endpoint.ts';
import { Type } from '../kernel/type.ts';
import { jsonHome } from './json-home.ts';
import type { IdentityContext, IdentityWorld } from './identity.world.ts';

const endpoint = endpointsOf<IdentityWorld>();

const versionOf = ({ baseUrl }: IdentityContext) => ({
  id: 'v3.14',
  status: 'stable',
  updated: '2020-04-07T00:00:00Z',
  links: [{ rel: 'self', href: `${baseUrl}/v3/` }],
  'media-types': [{ base: 'application/json', type: 'application/vnd.openstack.identity-v3+json' }],
});

const Version = Type.Object({
  id: Type.String(),
  status: Type.String(),
  updated: Type.String(),
  links: Type.Array(Type.Object({ rel: Type.String(), href: Type.String() })),
  'media-types': Type.Array(Type.Object({ base: Type.String(), type: Type.String() })),
});
const JsonHome = Type.Object({ resources: Type.Object({}, { additionalProperties: true }) });

const wantsHome = (accept: string | undefined): boolean =>
  accept?.split(',')[0]?.split(';')[0]?.trim() === 'application/json-home';

const homeReply = (endpoints: readonly Endpoint<IdentityWorld>[], prefix: string): Reply => ({
  status: 200,
  headers: { 'Content-Type': 'application/json-home' },
  body: jsonHome(
    endpoints.map(({ route }) => route),
    prefix,
  ),
});

/** Discovery; the JSON home document tells of all other endpoints. */
export const versionRoutes = (
  others: readonly Endpoint<IdentityWorld>[],
): readonly Endpoint<IdentityWorld>[] => [
  endpoint(
    {
      id: 'versions.list',
      method: 'GET',
      path: '/',
      rule: null,
      auth: 'none',
      reply: {
        200: JsonHome,
        300: Type.Object({ versions: Type.Object({ values: Type.Array(Version) }) }),
      },
      summary: 'The versions of the API',
    },
    (context, { headers }) =>
      wantsHome(headers.accept)
        ? homeReply(others, '/v3')
        : {
            status: 300,
            headers: { Location: `${context.baseUrl}/v3/` },
            body: { versions: { values: [versionOf(context)] } },
          },
  ),
  endpoint(
    {
      id: 'versions.get',
      method: 'GET',
      path: '/v3',
      rule: null,
      auth: 'none',
      reply: { 200: Type.Union([Type.Object({ version: Version }), JsonHome]) },
      summary: 'Version 3 of the API',
    },
    (context, { headers }) =>
      wantsHome(headers.accept)
        ? homeReply(others, '')
        : { status: 200, body: { version: versionOf(context) } },
  ),
];
