/** An OpenID provider on loopback: discovery, keys, introspection, tokens by password, by client and by a browser that logs in. */
import { createHash } from 'node:crypto';
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

/** What a code is worth. */
interface Granted {
  readonly name: string;
  readonly asked: URLSearchParams;
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
  /** Who sits at the browser: a name, or null for somebody who does not want to log in. */
  atBrowser: string | null;
  /** What ID tokens say otherwise than they should. */
  idClaims: JWTPayload;
  /** Claims that the ID token leaves out: they are told to who asks. */
  readonly withheld: Map<string, JWTPayload>;
  /** Codes that were not redeemed. */
  readonly codes: Map<string, Granted>;
  /** What it says of itself besides. */
  metadata: Record<string, unknown>;
  /** What it answers until this is null again. */
  trouble: Plain | null;
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
      const { status, text, location } = peer.trouble ?? (await answerOf(peer, request));
      response
        .writeHead(status, {
          'Content-Type': 'application/json',
          ...(location !== undefined && { Location: location }),
        })
        .end(text);
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
    atBrowser: null,
    idClaims: {},
    withheld: new Map(),
    codes: new Map(),
    metadata: {},
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
  readonly location?: string;
}

const json = (value: unknown, status = 200): Plain => ({ status, text: JSON.stringify(value) });

async function answerOf(peer: OpenIdPeer, request: IncomingMessage): Promise<Plain> {
  const { issuer } = peer;
  const url = new URL(request.url ?? '', issuer);
  const path = url.pathname.replace('/realms/company', '');
  if (path === '/.well-known/openid-configuration') {
    return json({
      issuer,
      jwks_uri: `${issuer}/keys`,
      token_endpoint: `${issuer}/token`,
      authorization_endpoint: `${issuer}/authorize?tenant=1`,
      userinfo_endpoint: `${issuer}/userinfo`,
      introspection_endpoint: `${issuer}/introspect`,
      ...peer.metadata,
    });
  }
  if (path === '/keys') return json({ keys: peer.keys });
  if (path === '/authorize') return codeGrant(peer, url.searchParams);
  if (path === '/userinfo') return userTell(peer, request.headers.authorization);
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  const form = new URLSearchParams(Buffer.concat(chunks).toString());
  if (!isClient(request.headers.authorization) && form.get('client_secret') !== client.secret) {
    return json({ error: 'invalid_client' }, 401);
  }
  if (path === '/introspect') {
    return json(peer.opaque.get(form.get('token') ?? '') ?? { active: false });
  }
  if (path !== '/token') return json({ error: 'not found' }, 404);
  if (form.get('grant_type') === 'authorization_code') return await codeRedeem(peer, form);
  const name = form.get('grant_type') === 'password' ? form.get('username') : client.id;
  const claims = peer.people.get(name ?? '');
  if (claims === undefined) return json({ error: 'invalid_grant' }, 400);
  return json({ access_token: await peer.token(claims), token_type: 'Bearer', expires_in: 300 });
}

function codeGrant({ atBrowser, codes, issuer }: OpenIdPeer, asked: URLSearchParams): Plain {
  const back = new URL(asked.get('redirect_uri') ?? '');
  const isOurs = asked.get('client_id') === client.id && asked.get('response_type') === 'code';
  if (!isOurs || asked.get('tenant') !== '1') return json({ error: 'invalid_request' }, 400);
  const state = asked.get('state');
  if (state !== null) back.searchParams.set('state', state);
  back.searchParams.set('iss', issuer);
  if (atBrowser === null) back.searchParams.set('error', 'access_denied');
  else {
    const code = `${asked.get('code_challenge')} of/${atBrowser}`;
    codes.set(code, { name: atBrowser, asked });
    back.searchParams.set('code', code);
  }
  return { status: 302, text: '', location: back.href };
}

/** Each code once, for who can show the verifier of its challenge. */
async function codeRedeem(peer: OpenIdPeer, form: URLSearchParams): Promise<Plain> {
  const code = form.get('code') ?? '';
  const granted = peer.codes.get(code);
  if (granted === undefined) return json({ error: 'invalid_grant' }, 400);
  const { name, asked } = granted;
  const challenge = createHash('sha256').update(form.get('code_verifier') ?? '');
  const isProved =
    asked.get('code_challenge_method') === null ||
    asked.get('code_challenge') === challenge.digest('base64url');
  if (!isProved || asked.get('redirect_uri') !== form.get('redirect_uri')) {
    return json({ error: 'invalid_grant' }, 400);
  }
  peer.codes.delete(code);
  const claims = peer.people.get(name) ?? {};
  const nonce = asked.get('nonce');
  const idToken = { ...claims, ...(nonce !== null && { nonce }), ...peer.idClaims };
  return json({
    access_token: await peer.token(claims),
    id_token: await peer.token(idToken),
    token_type: 'Bearer',
    expires_in: 300,
  });
}

/** The access token is trusted: it has just come from here. */
function userTell({ people, withheld }: OpenIdPeer, authorization = ''): Plain {
  const [, payload = ''] = authorization.replace(/^Bearer /, '').split('.');
  const { sub } = JSON.parse(Buffer.from(payload, 'base64url').toString() || '{}') as JWTPayload;
  const [name] = [...people].find(([, claims]) => claims.sub === sub) ?? [];
  if (name === undefined) return json({ error: 'invalid_token' }, 401);
  return json({ sub, ...withheld.get(name) });
}

/** Clients either encode both parts first (RFC 6749) or not (the stock client). */
function isClient(authorization: string | undefined): boolean {
  const text = Buffer.from(authorization?.replace(/^Basic /, '') ?? '', 'base64').toString();
  const encode = (part: string): string => new URLSearchParams({ p: part }).toString().slice(2);
  return [`${client.id}:${client.secret}`, `${client.id}:${encode(client.secret)}`].includes(text);
}
