import { Failure } from '../kernel/errors.ts';
import { endpointsOf, type Endpoint, type Reply } from '../kernel/http/endpoint.ts';
import { Type } from '../kernel/type.ts';
import { authenticate } from './auth.ts';
import type { IdentityContext, IdentityWorld } from './identity.world.ts';

const endpoint = endpointsOf<IdentityWorld>();

const formLimitBytes = 16 << 10;

const Refusal = Type.Object({ error: Type.String(), error_description: Type.String() });

/** RFC 6749 section 5.2 */
const refusal = (status: 400 | 401, error: string, description: string): Reply => ({
  status,
  headers: status === 401 ? { 'WWW-Authenticate': 'Basic realm="keystone"' } : {},
  body: { error, error_description: description },
});

/** Null for what is no Basic authorization, or names nobody. */
function clientOf(authorization: string | undefined): { id: string; secret: string } | null {
  const [, encoded = ''] = /^Basic +([\w+/=-]+)$/i.exec(authorization ?? '') ?? [];
  const text = Buffer.from(encoded, 'base64').toString();
  const at = text.indexOf(':');
  if (at <= 0 || at === text.length - 1) return null;
  return { id: text.slice(0, at), secret: text.slice(at + 1) };
}

async function formRead(stream: AsyncIterable<Buffer>): Promise<URLSearchParams> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    bytes += chunk.length;
    if (bytes > formLimitBytes) throw new Failure('too_large', 'The form is too long.');
    chunks.push(chunk);
  }
  return new URLSearchParams(Buffer.concat(chunks).toString());
}

async function tokenReply(
  context: IdentityContext,
  client: { readonly id: string; readonly secret: string },
): Promise<Reply> {
  const auth = {
    identity: { methods: ['application_credential'], application_credential: client },
  };
  const query = new URLSearchParams();
  const came = { oauth: { values: {}, urls: [], query }, receipt: null };
  const issued = await authenticate(context, auth, came).catch((error: unknown) => {
    if (error instanceof Failure && error.kind === 'unauthenticated') return null;
    throw error;
  });
  if (issued === null || 'receiptText' in issued) {
    return refusal(401, 'invalid_client', 'The client is unknown or its secret is wrong.');
  }
  const { expiresAtMs, issuedAtMs } = issued.state.claims;
  return {
    status: 200,
    headers: { 'Cache-Control': 'no-store' },
    body: {
      access_token: issued.text,
      token_type: 'Bearer',
      expires_in: Math.floor((expiresAtMs - issuedAtMs) / 1000),
    },
  };
}

/** The client credentials grant: an application credential is the client. */
export const oauth2Routes: readonly Endpoint<IdentityWorld>[] = [
  endpoint(
    {
      id: 'oauth2.token',
      method: 'POST',
      path: '/v3/OS-OAUTH2/token',
      rule: null,
      auth: 'none',
      body: 'stream',
      reply: {
        200: Type.Object({
          access_token: Type.String(),
          token_type: Type.String(),
          expires_in: Type.Integer(),
        }),
        400: Refusal,
        401: Refusal,
      },
      summary: 'A token for an application credential, as OAuth 2.0 asks for it',
      auditType: 'service/security/account/user',
    },
    async (context, { headers, stream }) => {
      const client = clientOf(headers.authorization);
      if (client === null) {
        return refusal(401, 'invalid_client', 'OAuth2.0 client authorization is required.');
      }
      const grant = (await formRead(stream)).get('grant_type');
      if (grant === null) {
        return refusal(400, 'invalid_request', 'The parameter grant_type is required.');
      }
      if (grant !== 'client_credentials') {
        const why = 'The parameter grant_type is not supported.';
        return refusal(400, 'unsupported_grant_type', why);
      }
      return await tokenReply(context, client);
    },
  ),
];
