import type { Static } from 'typebox';
import { Type } from '../../kernel/type.ts';

const text = (description: string) =>
  Type.Optional(Type.String({ description, allowed: 'text in quotes' }));

/** Each proves who signed; none of them shares a secret with the provider. */
export const oidcAlgorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const;

/** What is sent in the clear is read by whoever listens: only to this machine. */
export const safeUrlPattern =
  '^(https://[^/\\s]+|http://(127\\.\\d+\\.\\d+\\.\\d+|localhost|\\[::1\\])(:\\d+)?)(/\\S*)?$';

/** `[identity.oidc.NAME]` of welkin.toml. */
export const OidcOptionsSchema = Type.Object(
  {
    issuer: Type.String({
      pattern: safeUrlPattern,
      description: 'The issuer of its tokens, a remote id of an identity provider of the cloud.',
      allowed: 'an https address, as `iss` has it in its tokens',
    }),
    audience: Type.Optional(
      Type.Array(Type.String({ minLength: 1 }), {
        description: 'For whom tokens must be: one of these in `aud`. Not given: the client.',
      }),
    ),
    client_id: text('The client that this cloud is at the provider.'),
    client_secret: text('Its secret, where browsers log in or the provider is asked about tokens.'),
    scope: text(
      'What the provider is asked to tell of who logs in with a browser. Not given: `openid profile email`.',
    ),
    introspection: Type.Optional(
      Type.Boolean({
        description:
          'The provider is asked about each token (RFC 7662), which may be opaque. Not given: tokens are JWTs that its keys have signed.',
      }),
    ),
    algorithms: Type.Optional(
      Type.Array(
        Type.String({
          pattern: `^(${oidcAlgorithms.join('|')})$`,
          allowed: `one of ${oidcAlgorithms.join(', ')}`,
        }),
        { minItems: 1, description: 'How tokens may be signed. Not given: in any of these ways.' },
      ),
    ),
    cacertfile: text(
      'CA of its certificate; a file that the cloud may read. Not given: those of the system.',
    ),
    remote_user_claim: text('Claim that mappings know as `REMOTE_USER`. Not given: `sub`.'),
  },
  { additionalProperties: false, description: 'One OpenID provider.' },
);

export type OidcOptions = Static<typeof OidcOptionsSchema>;

/** Null: they can be used; else what is wrong, by the name of the key. */
export function oidcOptionsFault({
  audience = [],
  client_id: clientId = '',
  client_secret: secret = '',
  introspection = false,
}: OidcOptions): { readonly key: string; readonly why: string } | null {
  if (audience.length === 0 && clientId === '') {
    return { key: 'audience', why: 'tokens for others would open the cloud: give it or client_id' };
  }
  if (introspection && (clientId === '' || secret === '')) {
    return { key: 'introspection', why: 'it needs client_id and client_secret' };
  }
  return null;
}
