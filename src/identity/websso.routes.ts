import type { IncomingHttpHeaders } from 'node:http';
import { endpointsOf, type Endpoint, type Reply } from '../kernel/http/endpoint.ts';
import type { IdentityContext, IdentityWorld } from './identity.world.ts';
import { ReceiptReply } from './token.schema.ts';
import { logInReply } from './token.routes.ts';
import { tokenPage } from './websso-page.ts';
import { stateLifeMs } from './websso-state.ts';
import { webssoEnd, webssoStart, type WebssoNamed } from './websso.ts';

const endpoint = endpointsOf<IdentityWorld>();

const isSecure = ({ baseUrl }: IdentityContext): boolean => baseUrl.startsWith('https:');

/** `__Host-`: no other host of the domain can have set it. */
const cookieName = (context: IdentityContext): string =>
  isSecure(context) ? '__Host-welkin-websso' : 'welkin-websso';

/** Lax: the browser comes back from another site, by a link. */
function cookieOf(context: IdentityContext, value: string, lifeMs: number): string {
  const secure = isSecure(context) ? '; Secure' : '';
  const life = `Max-Age=${lifeMs / 1000}`;
  return `${cookieName(context)}=${value}; Path=/; ${life}; HttpOnly; SameSite=Lax${secure}`;
}

function cookieRead(context: IdentityContext, { cookie }: IncomingHttpHeaders): string | null {
  const name = `${cookieName(context)}=`;
  const found = (cookie ?? '').split(/; */).find((pair) => pair.startsWith(name));
  return found?.slice(name.length) ?? null;
}

async function start(
  context: IdentityContext,
  named: WebssoNamed,
  query: URLSearchParams,
): Promise<Reply> {
  const { url, sealedState } = await webssoStart(context, named, query.get('origin'));
  return {
    status: 303,
    headers: {
      Location: url,
      'Set-Cookie': cookieOf(context, sealedState, stateLifeMs),
      'Cache-Control': 'no-store',
      'Referrer-Policy': 'no-referrer',
    },
  };
}

async function end(
  context: IdentityContext,
  named: { readonly idpId: string; readonly id: string },
  { query, headers }: { readonly query: URLSearchParams; readonly headers: IncomingHttpHeaders },
): Promise<Reply> {
  const sealedState = cookieRead(context, headers);
  const { issued, origin } = await webssoEnd(context, { named, query, sealedState });
  if ('receiptText' in issued) return await logInReply(context, issued, query);
  return tokenPage({ origin, token: issued.text }, cookieOf(context, '', 0));
}

const shared = {
  rule: null,
  auth: 'none',
  reply: { 200: null, 303: null, 401: ReceiptReply },
  auditType: 'service/security/account/user',
} as const;

const byProtocol = (id: string, method: 'GET' | 'POST'): Endpoint<IdentityWorld> =>
  endpoint(
    {
      ...shared,
      id,
      method,
      path: '/v3/auth/OS-FEDERATION/websso/:protocolId',
      query: ['origin'],
      summary: 'Log in with a browser at the only identity provider that has the protocol',
    },
    (context, { params: { protocolId = '' }, query }) =>
      start(context, { idpId: null, id: protocolId }, query),
  );

/** The provider sends the browser back to the address that it came from: `state` tells the one from the other. */
const byProvider = (id: string, method: 'GET' | 'POST'): Endpoint<IdentityWorld> =>
  endpoint(
    {
      ...shared,
      id,
      method,
      path: '/v3/auth/OS-FEDERATION/identity_providers/:idpId/protocols/:protocolId/websso',
      query: ['origin', 'state', 'code', 'error', 'iss'],
      summary: 'Log in with a browser at an identity provider',
    },
    async (context, { params: { idpId = '', protocolId = '' }, query, headers }) => {
      const named = { idpId, id: protocolId };
      const isBack = method === 'GET' && query.has('state');
      return isBack
        ? await end(context, named, { query, headers })
        : await start(context, named, query);
    },
  );

export const webssoRoutes: readonly Endpoint<IdentityWorld>[] = [
  byProtocol('websso.startByProtocol', 'GET'),
  byProtocol('websso.startByProtocolPosted', 'POST'),
  byProvider('websso.start', 'GET'),
  byProvider('websso.startPosted', 'POST'),
];
