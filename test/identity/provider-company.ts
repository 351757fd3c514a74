import assert from 'node:assert/strict';
import type { JWTPayload } from 'jose';
import type { OidcOptions } from '../../src/engines/oidc/options.ts';
import { oidcProvider } from '../../src/engines/oidc/provider.ts';
import { client, openIdPeerStart, type OpenIdPeer } from '../support/openid.ts';
import { cloudOpen, type Answer, type TestCloud } from './support.ts';

export const base = '/v3/OS-FEDERATION';
/** As a hostile operator would write it. */
export const dashboard = `https://dashboard.example/auth/websso/?a="><script>alert(1)</script>&b='`;
export const authPath = `${base}/identity_providers/company/protocols/openid/auth`;
export const tokenIn = ({ headers }: Answer): string => headers.get('x-subject-token') ?? '';

/** People by their subject, groups of theirs that have the same name here. */
export const rules = [
  {
    local: [{ user: { id: '{0}', name: '{1}', email: '{2}' } }],
    remote: [
      { type: 'HTTP_OIDC_SUB' },
      { type: 'OIDC-preferred_username' },
      { type: 'OIDC-email' },
    ],
  },
  {
    local: [{ groups: '{0}', domain: { id: 'default' } }],
    remote: [{ type: 'OIDC-groups' }],
  },
];

export const ada: JWTPayload = {
  sub: 'ada/1',
  preferred_username: 'ada',
  email: 'ada@example.org',
  groups: ['ops', 'unknown here'],
};

export interface Company extends AsyncDisposable {
  readonly cloud: TestCloud;
  readonly peer: OpenIdPeer;
  readonly groupId: string;
  /** Comes with these claims. */
  readonly logIn: (claims?: JWTPayload) => Promise<Answer>;
  readonly come: (authorization: string | null) => Promise<Answer>;
  readonly rescope: (token: string, scope: unknown) => Promise<Answer>;
  readonly patch: (path: string, body: unknown) => Promise<Answer>;
}

export async function companyOpen(
  provider: object = {},
  mapping: unknown = rules,
  oidc: Partial<OidcOptions> = {},
  trusted: string = dashboard,
): Promise<Company> {
  const peer = await openIdPeerStart();
  const cloud = await cloudOpen({ trustedDashboards: [trusted] }, (clock) => {
    const options = {
      issuer: peer.issuer,
      client_id: client.id,
      client_secret: client.secret,
      ...oidc,
    };
    return new Map([['sso', oidcProvider(options, { now: () => clock.now() })]]);
  });
  const put = async (path: string, body: unknown): Promise<void> => {
    const answer = await cloud.call('PUT', `${base}${path}`, { body });
    assert.equal(answer.status, 201, answer.text);
  };
  await put('/identity_providers/company', {
    identity_provider: { enabled: true, remote_ids: [peer.issuer], ...provider },
  });
  await put('/mappings/people', { mapping: { rules: mapping } });
  await put('/identity_providers/company/protocols/openid', {
    protocol: { mapping_id: 'people' },
  });
  const group = await cloud.create('/v3/groups', { group: { name: 'ops' } });
  const come = (authorization: string | null) =>
    cloud.call('POST', authPath, {
      token: null,
      ...(authorization !== null && { headers: { Authorization: authorization } }),
    });
  return {
    cloud,
    peer,
    groupId: group.id,
    come,
    logIn: async (claims = ada) => {
      const exp = Math.floor(cloud.clock.now() / 1000) + 300;
      return await come(`Bearer ${await peer.token({ exp, ...claims })}`);
    },
    rescope: (token, scope) =>
      cloud.call('POST', '/v3/auth/tokens', {
        token: null,
        body: { auth: { identity: { methods: ['token'], token: { id: token } }, scope } },
      }),
    patch: (path, body) => cloud.call('PATCH', path, { body }),
    async [Symbol.asyncDispose]() {
      await cloud[Symbol.asyncDispose]();
      await peer[Symbol.asyncDispose]();
    },
  };
}

export async function roleGive({ cloud, groupId }: Company): Promise<string> {
  const [role] = (await cloud.call('GET', '/v3/roles?name=member')).json.roles;
  const path = `/v3/projects/${cloud.adminProjectId}/groups/${groupId}/roles/${role.id}`;
  assert.equal((await cloud.call('PUT', path)).status, 204);
  return path;
}
