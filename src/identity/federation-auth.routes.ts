import { endpointsOf, type Endpoint } from '../kernel/http/endpoint.ts';
import { federatedAuthenticate } from './auth.ts';
import { bearerEvidence } from './federated-bearer.ts';
import type { IdentityWorld } from './identity.world.ts';
import { ReceiptReply, TokenReply } from './token.schema.ts';
import { logInReply } from './token.routes.ts';

const endpoint = endpointsOf<IdentityWorld>();

const logIn = (id: string, method: 'GET' | 'POST'): Endpoint<IdentityWorld> =>
  endpoint(
    {
      id,
      method,
      path: '/v3/OS-FEDERATION/identity_providers/:idpId/protocols/:protocolId/auth',
      rule: null,
      auth: 'none',
      query: ['nocatalog'],
      reply: { 201: TokenReply, 401: ReceiptReply },
      summary: 'Log in with a token of an identity provider',
      auditType: 'service/security/account/user',
    },
    async (context, { params: { idpId = '', protocolId = '' }, headers, query }) => {
      const receipt = headers['openstack-auth-receipt'];
      const issued = await federatedAuthenticate(
        context,
        { idpId, id: protocolId },
        {
          evidence: bearerEvidence(context.world, headers.authorization),
          receipt: typeof receipt === 'string' ? receipt : null,
        },
      );
      return await logInReply(context, issued, query);
    },
  );

export const federationAuthRoutes: readonly Endpoint<IdentityWorld>[] = [
  logIn('federation.logInByGet', 'GET'),
  logIn('federation.logIn', 'POST'),
];
