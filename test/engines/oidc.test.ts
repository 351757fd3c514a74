import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { exportSPKI } from 'jose';
import { oidcOptionsFault, type OidcOptions } from '../../src/engines/oidc/options.ts';
import { oidcProvider } from '../../src/engines/oidc/provider.ts';
import { OidcUnavailable } from '../../src/identity/oidc.model.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { certificatesMake } from '../support/certificates.ts';
import { client, keyPairMake, openIdPeerStart, type OpenIdPeer } from '../support/openid.ts';

const base64 = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

function open(peer: OpenIdPeer, more: Partial<OidcOptions> = {}) {
  let nowMs = systemClock.now();
  const options = { issuer: peer.issuer, client_id: client.id, ...more };
  const provider = oidcProvider(options, { now: () => nowMs });
  const refusal = async (token: string): Promise<string> => {
    const answer = await provider.tokenRead(token);
    assert('why' in answer, 'the token was accepted');
    return answer.why;
  };
  const subject = async (token: string): Promise<unknown> => {
    const answer = await provider.tokenRead(token);
    assert('claims' in answer, `the token was refused: ${JSON.stringify(answer)}`);
    return answer.claims['sub'];
  };
  return { provider, refusal, subject, pass: (ms: number) => void (nowMs += ms) };
}

test('a token is worth what its issuer has signed for us, and nothing else is worth anything', async () => {
  await using peer = await openIdPeerStart();
  await using other = await openIdPeerStart();
  const { refusal, subject } = open(peer);
  const good = await peer.token({ sub: 'ada' });
  assert.equal(await subject(good), 'ada');
  assert.equal(
    await subject(await peer.token({ aud: ['x', client.id] }, { typ: 'at+jwt' })),
    'somebody',
  );
  assert.match(await refusal(await peer.token({ aud: 'another' })), /"aud"/);
  assert.match(await refusal(await peer.token({ iss: other.issuer })), /"iss"/);
  assert.match(await refusal(await other.token({ iss: peer.issuer })), /signature/);
  const past = Math.floor(systemClock.now() / 1000) - 60;
  assert.match(await refusal(await peer.token({ exp: past })), /"exp"/);
  assert.match(await refusal(await peer.token({ nbf: past + 600 })), /"nbf"/);
  assert.match(await refusal(await peer.token({}, { typ: 'logout+jwt' })), /something else/);

  const [header = '', payload = '', signature = ''] = good.split('.');
  const forged = base64({ aud: client.id, iss: peer.issuer, sub: 'root', exp: past + 600 });
  assert.match(await refusal(`${header}.${forged}.${signature}`), /signature/);
  for (const alg of ['none', 'None', 'nOnE']) {
    assert.match(await refusal(`${base64({ alg })}.${forged}.`), /refused/);
  }
  // The public key as the secret of a shared one: the oldest trick.
  const confused = `${base64({ alg: 'HS256', kid: 'first' })}.${forged}`;
  const secret = await exportSPKI(peer.key.publicKey);
  const mac = createHmac('sha256', secret).update(confused).digest('base64url');
  assert.match(await refusal(`${confused}.${mac}`), /"alg"/);
  // The key that the token brings along is nobody's.
  const stranger = await keyPairMake('first');
  const carrying = `${base64({ alg: 'ES256', jwk: stranger.jwk, jku: other.issuer })}.${payload}`;
  assert.match(await refusal(`${carrying}.${signature}`), /signature/);
  for (const junk of ['', 'x', 'a.b.c', '...', 'eyJ.eyJ.', `${good}.x`, 'x'.repeat(100_000)]) {
    assert.match(await refusal(junk), /refused/);
  }
});

test('a token must be signed as the operator allows', async () => {
  await using peer = await openIdPeerStart();
  const { refusal } = open(peer, { algorithms: ['RS256'] });
  assert.match(await refusal(await peer.token()), /"alg"/);
});

test('keys are read once, again for an unknown one, and not at the will of strangers', async () => {
  await using peer = await openIdPeerStart();
  const { refusal, subject, pass } = open(peer);
  const reads = () => peer.asked.filter((line) => line.endsWith('/keys')).length;
  await Promise.all([subject(await peer.token()), subject(await peer.token())]);
  assert.equal(reads(), 1);

  const before = await peer.token();
  const next = await keyPairMake('second');
  peer.key = next;
  const after = await peer.token();
  assert.match(await refusal(after), /no applicable key/);
  assert.equal(reads(), 1, 'the keys were just read');
  pass(30_000);
  peer.keys = [next.jwk, ...peer.keys];
  assert.equal(await subject(after), 'somebody');
  assert.equal(await subject(before), 'somebody');
  assert.equal(reads(), 2);
  // A key that the provider took back is forgotten in time.
  peer.keys = [next.jwk];
  pass(200_000);
  assert.equal(await subject(before), 'somebody');
  pass(600_000);
  assert.match(await refusal(before), /no applicable key|"exp"/);
});

test('a token without a key id is tried with every key that could have signed it', async () => {
  await using peer = await openIdPeerStart();
  const { subject, refusal } = open(peer);
  const other = await keyPairMake('second');
  peer.keys = [other.jwk, ...peer.keys];
  peer.key = { ...peer.key, kid: null };
  assert.equal(await subject(await peer.token()), 'somebody');
  peer.key = { ...(await keyPairMake('third')), kid: null };
  assert.match(await refusal(await peer.token()), /signature/);
});

test('a provider that cannot be asked is said to be so, and asked again by the next token', async () => {
  const peer = await openIdPeerStart();
  const { provider, subject } = open(peer);
  const token = await peer.token();
  for (const [trouble, why] of [
    [{ status: 500, text: '{}' }, /status 500/],
    [{ status: 200, text: 'no json' }, /JSON/],
    [{ status: 200, text: '[]' }, /object/],
    [{ status: 200, text: '{"issuer": "https://another"}' }, /another issuer/],
    [{ status: 200, text: JSON.stringify({ issuer: peer.issuer }) }, /no jwks_uri/],
    [
      { status: 200, text: JSON.stringify({ issuer: peer.issuer, jwks_uri: 'http://a.example/' }) },
      /https/,
    ],
    [{ status: 302, text: '{}' }, /status 302/],
    [{ status: 200, text: `"${'x'.repeat(2 << 20)}"` }, /too long/],
  ] as const) {
    peer.trouble = trouble;
    const { provider: fresh } = open(peer);
    await assert.rejects(fresh.tokenRead(token), (error) => {
      assert(error instanceof OidcUnavailable);
      assert.match(error.message, why);
      return true;
    });
  }
  await assert.rejects(provider.tokenRead(token), OidcUnavailable);
  peer.trouble = null;
  assert.equal(await subject(token), 'somebody');
  await peer[Symbol.asyncDispose]();
  const { provider: late } = open(peer);
  await assert.rejects(late.tokenRead(token), OidcUnavailable);
});

test('its certificate is checked, against a CA of its own where one is given', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'oidc-'));
  try {
    const certificates = certificatesMake(dir, ['127.0.0.1']);
    await using peer = await openIdPeerStart(certificates);
    const token = await peer.token();
    await assert.rejects(open(peer).provider.tokenRead(token), OidcUnavailable);
    assert.equal(await open(peer, { cacertfile: certificates.ca }).subject(token), 'somebody');
    const missing = open(peer, { cacertfile: join(dir, 'none') });
    await assert.rejects(missing.provider.tokenRead(token), /cannot be read \(ENOENT\)/);
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test('an opaque token is worth what the provider says of it', async () => {
  await using peer = await openIdPeerStart();
  const asking = { introspection: true, client_secret: client.secret };
  const { refusal, subject } = open(peer, asking);
  const nowSec = Math.floor(systemClock.now() / 1000);
  const answers: Record<string, Record<string, unknown>> = {
    good: { active: true, sub: 'ada', aud: [client.id], exp: nowSec + 60, iss: peer.issuer },
    byClient: { active: true, sub: 'bob', client_id: client.id },
    ended: { active: false, sub: 'ada', aud: client.id },
    late: { active: true, aud: client.id, exp: nowSec - 60 },
    early: { active: true, aud: client.id, nbf: nowSec + 600 },
    foreign: { active: true, aud: 'another', client_id: client.id },
    issued: { active: true, aud: client.id, iss: 'https://another' },
    odd: { active: 'true', aud: client.id },
    nobody: { active: true },
  };
  for (const [token, answer] of Object.entries(answers)) peer.opaque.set(token, answer);
  assert.equal(await subject('good'), 'ada');
  assert.equal(await subject('byClient'), 'bob');
  for (const [token, why] of [
    ['ended', /not active/],
    ['unknown', /not active/],
    ['odd', /not active/],
    ['late', /expired/],
    ['early', /too new/],
    ['foreign', /somebody else/],
    ['nobody', /somebody else/],
    ['issued', /another issuer/],
  ] as const) {
    assert.match(await refusal(token), why);
  }
  const wrong = open(peer, { introspection: true, client_secret: 'wrong' });
  await assert.rejects(wrong.provider.tokenRead('good'), (error) => {
    assert(error instanceof OidcUnavailable);
    assert(!error.message.includes('wrong') && !error.message.includes('good'));
    return true;
  });
});

test('options that would let in tokens for others are refused', () => {
  const issuer = 'https://company.example';
  assert.equal(oidcOptionsFault({ issuer, client_id: 'c' }), null);
  assert.equal(oidcOptionsFault({ issuer, audience: ['a'] }), null);
  assert.equal(oidcOptionsFault({ issuer })?.key, 'audience');
  assert.equal(oidcOptionsFault({ issuer, audience: [] })?.key, 'audience');
  const asking = { issuer, client_id: 'c', introspection: true };
  assert.equal(oidcOptionsFault(asking)?.key, 'introspection');
  assert.equal(oidcOptionsFault({ ...asking, client_secret: 's' }), null);
});
