/** An OpenID provider on loopback: discovery, keys, tokens by password and by client, introspection. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer as httpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as httpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import {
  exportJWK,
  generateKeyPair,
  SignJWT,
  type CryptoKey,
  type JWK,
  type JWTPayload,
} from 'jose';
import type { TestCertificates } from './certificates.ts';

interface KeyPair {
  /** Null: tokens do not say which key it was. */
  readonly kid: string | null;
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
  readonly jwk: JWK;
}

export async function keyPairMake(kid: string): Promise<KeyPair> {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
  return {
    kid,
    privateKey,
    publicKey,
    jwk: { ...(await exportJWK(publicKey)), kid, alg: 'ES256' },
  };
}

export interface OpenIdPeer extends AsyncDisposable {
  readonly issuer: string;
  /** What it was asked for, in order. */
  readonly asked: readonly string[];
  /** Whom tokens of a log-in speak of, by name. */
  readonly people: Map<string, JWTPayload>;
  /** Opaque tokens that its introspection knows. */
  readonly opaque: Map<string, Record<string, unknown>>;
  key: KeyPair;
  /** The keys that it shows. */
  keys: JWK[];
  /** What it answers until this is null again. */
  trouble: { readonly status: number; readonly text: string } | null;
  /** A token of this provider as it makes them, with other claims where some are given. */
  token(claims?: JWTPayload, header?: { readonly typ?: string }): Promise<string>;
}

export const client = { id: 'welkin', secret: 'client secret:%' };

export async function openIdPeerStart(tls: TestCertificates | null = null): Promise<OpenIdPeer> {
  const asked: string[] = [];
  const key = await keyPairMake('first');
  let peer: OpenIdPeer | null = null;
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    asked.push(`${request.method} ${request.url}`);
    const answer = async (): Promise<void> => {
      if (peer === null) return;
      const { status, text } = peer.trouble ?? (await answerOf(peer, request));
      response.writeHead(status, { 'Content-Type': 'application/json' }).end(text);
    };
    answer().catch((error: unknown) => response.writeHead(500).end(String(error)));
  };
  const server =
    tls === null
      ? httpServer(listener)
      : httpsServer({ cert: readFileSync(tls.certificate), key: readFileSync(tls.key) }, listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const issuer = `${tls === null ? 'http' : 'https'}://127.0.0.1:${port}/realms/company`;
  const made: OpenIdPeer = {
    issuer,
    asked,
    people: new Map(),
    opaque: new Map(),
    key,
    keys: [key.jwk],
    trouble: null,
    token: (claims = {}, header = {}) =>
      new SignJWT({ aud: client.id, sub: 'somebody', iss: issuer, ...claims })
        .setProtectedHeader({
          alg: 'ES256',
          ...(made.key.kid !== null && { kid: made.key.kid }),
          ...header,
        })
        .setIssuedAt()
        .setExpirationTime(claims.exp ?? '5m')
        .sign(made.key.privateKey),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  peer = made;
  return made;
}

interface Plain {
  readonly status: number;
  readonly text: string;
}

const json = (value: unknown, status = 200): Plain => ({ status, text: JSON.stringify(value) });

async function answerOf(peer: OpenIdPeer, request: IncomingMessage): Promise<Plain> {
  const { issuer } = peer;
  const path = (request.url ?? '').replace('/realms/company', '');
  if (path === '/.well-known/openid-configuration') {
    return json({
      issuer,
      jwks_uri: `${issuer}/keys`,
      token_endpoint: `${issuer}/token`,
      introspection_endpoint: `${issuer}/introspect`,
    });
  }
  if (path === '/keys') return json({ keys: peer.keys });
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  const form = new URLSearchParams(Buffer.concat(chunks).toString());
  if (!isClient(request.headers.authorization)) return json({ error: 'invalid_client' }, 401);
  if (path === '/introspect') {
    return json(peer.opaque.get(form.get('token') ?? '') ?? { active: false });
  }
  if (path !== '/token') return json({ error: 'not found' }, 404);
  const name = form.get('grant_type') === 'password' ? form.get('username') : client.id;
  const claims = peer.people.get(name ?? '');
  if (claims === undefined) return json({ error: 'invalid_grant' }, 400);
  return json({ access_token: await peer.token(claims), token_type: 'Bearer', expires_in: 300 });
}

/** Clients either encode both parts first (RFC 6749) or not (the stock client). */
function isClient(authorization: string | undefined): boolean {
  const text = Buffer.from(authorization?.replace(/^Basic /, '') ?? '', 'base64').toString();
  const encode = (part: string): string => new URLSearchParams({ p: part }).toString().slice(2);
  return [`${client.id}:${client.secret}`, `${client.id}:${encode(client.secret)}`].includes(text);
}
