import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JWTPayload } from 'jose';
import { client, openIdPeerStart } from '../support/openid.ts';
import { ada, base, companyOpen, dashboard, type Company } from './provider-company.ts';
import type { Answer } from './support.ts';

const auth = '/v3/auth/OS-FEDERATION';
const way = '/identity_providers/company/protocols/openid';
const startPath = (origin = dashboard): string =>
  `${auth}${way}/websso?${new URLSearchParams({ origin }).toString()}`;

/** A browser keeps one cookie and follows where it is told to, one step at a time. */
class Browser {
  cookie = '';
  readonly #company: Company;

  constructor(company: Company) {
    this.#company = company;
  }

  /** A page of the cloud. */
  async open(path: string, method = 'GET'): Promise<Answer> {
    const headers = this.cookie === '' ? {} : { Cookie: `other=1; ${this.cookie}; x=y` };
    const answer = await this.#company.cloud.call(method, path, { token: null, headers });
    const set = answer.headers.get('set-cookie');
    if (set !== null) this.cookie = set.split(';')[0] ?? '';
    return answer;
  }

  /** To the provider, and to the address that it sends the browser back to. */
  async logIn(name: string | null, path = startPath()): Promise<string> {
    const { peer, cloud } = this.#company;
    const started = await this.open(path);
    assert.equal(started.status, 303, started.text);
    peer.people.set('ada', { ...ada, exp: Math.floor(cloud.clock.now() / 1000) + 300 });
    peer.atBrowser = name;
    const sent = await fetch(started.headers.get('location') ?? '', { redirect: 'manual' });
    assert.equal(sent.status, 302, await sent.text());
    const back = sent.headers.get('location') ?? '';
    assert(back.startsWith(`${cloud.url}${auth}${way}/websso?`), back);
    return back.slice(cloud.url.length);
  }
}

const attempts = ({ cloud }: Company) =>
  cloud.events.filter(({ action }) => action === 'authenticate');

/** It is a 401 that does not say why, and the audit trail does. */
function refused(company: Company, answer: Answer, why: RegExp): void {
  assert.equal(answer.status, 401, answer.text);
  assert.equal(answer.json.error.message, 'The request you have made requires authentication.');
  const last = attempts(company).at(-1);
  assert.equal(last?.outcome, 'failure');
  assert.match(String(last.reason?.reasonType), why);
}

function formOf({ text }: Answer): { readonly action: string; readonly token: string } {
  const plain = (quoted = ''): string =>
    quoted.replaceAll(/&(amp|lt|gt|quot|#39);/g, (_, name: string) => {
      const letters: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" };
      return letters[name] ?? '';
    });
  const [, action] = /<form [^>]*action="([^"]*)" method="post">/.exec(text) ?? [];
  const [, token] = /<input type="hidden" name="token" value="([^"]*)">/.exec(text) ?? [];
  return { action: plain(action), token: plain(token) };
}

test('a browser logs in at the provider and brings a token to the dashboard it came from', async () => {
  await using company = await companyOpen();
  const { cloud, peer } = company;
  const browser = new Browser(company);
  const started = await browser.open(startPath());
  const sent = new URL(started.headers.get('location') ?? '');
  assert.equal(sent.origin + sent.pathname, `${peer.issuer}/authorize`);
  assert.deepEqual(
    ['client_id', 'response_type', 'scope', 'code_challenge_method', 'tenant'].map((name) =>
      sent.searchParams.get(name),
    ),
    [client.id, 'code', 'openid profile email', 'S256', '1'],
  );
  const cookie = started.headers.get('set-cookie') ?? '';
  assert.match(
    cookie,
    /^welkin-websso=[\w-]+; Path=\/; Max-Age=600; HttpOnly; SameSite=Lax$/,
    'the browser cannot read it, and over TLS alone it would be Secure',
  );

  const ended = await browser.open(await browser.logIn('ada'));
  assert.equal(ended.status, 200, ended.text);
  const { action, token } = formOf(ended);
  assert.equal(action, dashboard);
  assert.equal(ended.text.match(/<script>/g)?.length, 1, 'nothing of the address is a tag');
  const headers = Object.fromEntries(ended.headers);
  assert.match(
    headers['content-security-policy'] ?? '',
    /^default-src 'none'; script-src 'sha256-[\w+/=]{44}'; form-action https:\/\/dashboard\.example; base-uri 'none'; frame-ancestors 'none'$/,
  );
  assert.deepEqual(
    [headers['content-type'], headers['cache-control'], headers['referrer-policy']],
    ['text/html; charset=utf-8', 'no-store', 'no-referrer'],
  );
  assert.match(ended.headers.get('set-cookie') ?? '', /^welkin-websso=; Path=\/; Max-Age=0;/);

  const subject = { 'X-Subject-Token': token };
  const admin = await cloud.freshAdmin();
  const shown = await cloud.call('GET', '/v3/auth/tokens', { token: admin, headers: subject });
  const { user, methods, project } = shown.json.token;
  assert.deepEqual([user.name, methods, project], ['ada', ['openid'], undefined]);
  assert.equal(attempts(company).at(-1)?.outcome, 'success');
  assert(!JSON.stringify(cloud.events).includes(token), 'the audit trail has no token');
});

test('without the name of a provider it is the only one that has the protocol', async () => {
  await using company = await companyOpen();
  const { cloud } = company;
  const path = `${auth}/websso/openid?${new URLSearchParams({ origin: dashboard }).toString()}`;
  const browser = new Browser(company);
  const ended = await browser.open(await browser.logIn('ada', path));
  assert.equal(ended.status, 200, ended.text);
  assert.equal((await browser.open(path, 'POST')).status, 303);
  const nowhere = await browser.open(path.replace('openid', 'saml2'));
  refused(company, nowhere, /no identity provider has the protocol/);
  const other = `${base}/identity_providers/other`;
  const enabled = (value: boolean) => ({ body: { identity_provider: { enabled: value } } });
  await cloud.call('PUT', other, enabled(true));
  const protocol = { body: { protocol: { mapping_id: 'people' } } };
  assert.equal((await cloud.call('PUT', `${other}/protocols/openid`, protocol)).status, 201);
  refused(company, await browser.open(path), /several/);
  await cloud.call('PATCH', other, enabled(false));
  assert.equal((await browser.open(path)).status, 303);
  // One that no provider of the operator's file belongs to.
  await cloud.call('PATCH', other, enabled(true));
  const there = startPath().replace('company', 'other');
  refused(company, await browser.open(there), /no OpenID provider/);
});

test('a token goes to no dashboard but a trusted one', async () => {
  await using company = await companyOpen();
  const browser = new Browser(company);
  for (const origin of [
    'https://evil.example/',
    `${dashboard}x`,
    dashboard.replace('https', 'http'),
    dashboard.replace('example/', 'example.evil.example/'),
    'javascript:alert(1)',
    '"><script>',
  ]) {
    const answer = await browser.open(startPath(origin));
    refused(company, answer, /not a trusted dashboard/);
    assert(!answer.text.includes(origin));
    assert.equal(browser.cookie, '');
  }
  for (const path of [startPath(''), `${auth}${way}/websso`, `${auth}/websso/openid`]) {
    const answer = await browser.open(path);
    assert.equal(answer.status, 400);
    assert.equal(answer.json.error.message, 'Request must have an origin query parameter');
  }
  const unknown = await browser.open(startPath().replace('company', 'nobody'));
  assert.equal(unknown.status, 404);
  await company.patch(`${base}/identity_providers/company`, {
    identity_provider: { enabled: false },
  });
  assert.equal((await browser.open(startPath())).status, 403);
});

test('who comes back is the browser that was sent away, once and in time', async () => {
  await using company = await companyOpen();
  const { cloud, peer } = company;
  const browser = new Browser(company);
  const back = await browser.logIn('ada');
  const stranger = new Browser(company);
  refused(company, await stranger.open(back), /not sent from here/);
  await stranger.logIn('ada');
  refused(company, await stranger.open(back), /of another browser/);
  const own = browser.cookie;
  browser.cookie = `${own}x`;
  refused(company, await browser.open(back), /not sent from here/);
  browser.cookie = `welkin-websso=${cloud.admin}`;
  refused(company, await browser.open(back), /not sent from here/);
  browser.cookie = own;
  refused(company, await browser.open(back.replace(/state=[^&]*/, 'state=')), /another browser/);
  assert.equal((await browser.open(back)).status, 200, 'none of this has used it up');
  browser.cookie = own;
  refused(company, await browser.open(back), /come back already/);

  // The address of one attempt with the code of another.
  const first = await browser.logIn('ada');
  const [firstCode] = /code=[^&]*/.exec(first) ?? assert.fail();
  const second = await browser.logIn('ada');
  refused(
    company,
    await browser.open(second.replace(/code=[^&]*/, firstCode)),
    /not take the code/,
  );
  const late = await browser.logIn('ada');
  cloud.clock.pass(600_000);
  refused(company, await browser.open(late), /too long ago/);
  const denied = await browser.logIn(null);
  refused(company, await browser.open(denied), /the provider says access_denied/);
  const written = await browser.logIn(null);
  const odd = written.replace('access_denied', '%3Cscript%3E');
  refused(company, await browser.open(odd), /the provider says an error/);
  const silent = await browser.logIn('ada');
  refused(company, await browser.open(silent.replace(/&code=[^&]*/, '')), /no code/);
  // The sealed cookie is no receipt, and no receipt or token is a cookie.
  const receipt = own.replace('welkin-websso=', '');
  const headers = {
    Authorization: `Bearer ${await peer.token(ada)}`,
    'Openstack-Auth-Receipt': receipt,
  };
  const path = `${base}${way}/auth`;
  assert.equal((await cloud.call('POST', path, { token: null, headers })).status, 401);
  const subject = { 'X-Subject-Token': receipt };
  const token = await cloud.freshAdmin();
  assert.equal(
    (await cloud.call('GET', '/v3/auth/tokens', { token, headers: subject })).status,
    404,
  );
});

test('what the provider says counts only if it is for this log-in', async () => {
  await using company = await companyOpen();
  await using other = await openIdPeerStart();
  const { peer } = company;
  const browser = new Browser(company);
  const end = async (): Promise<Answer> => await browser.open(await browser.logIn('ada'));
  const wrong: readonly (readonly [JWTPayload, RegExp])[] = [
    [{ nonce: 'of another' }, /another log-in/],
    [{ iss: other.issuer }, /"iss"/],
    [{ aud: 'another' }, /"aud"/],
    [{ aud: [client.id, 'another'] }, /another client/],
    [{ azp: 'another' }, /another client/],
    [{ exp: 1 }, /"exp"/],
  ];
  for (const [claims, why] of wrong) {
    peer.idClaims = claims;
    refused(company, await end(), why);
  }
  peer.idClaims = { aud: [client.id, 'another'], azp: client.id };
  assert.equal((await end()).status, 200);
  peer.idClaims = {};
  const back = await browser.logIn('ada');
  const foreign = new URLSearchParams({ iss: other.issuer }).toString();
  refused(company, await browser.open(back.replace(/iss=[^&]*/, foreign)), /another issuer/);
  const unnamed = await browser.logIn('ada');
  assert.equal((await browser.open(unnamed.replace(/&iss=[^&]*/, ''))).status, 200);
  peer.key = other.key;
  refused(company, await end(), /signature/);
});

test('a provider that breaks off is a 503, and that it must name itself is kept to', async () => {
  await using company = await companyOpen();
  const { peer } = company;
  const browser = new Browser(company);
  peer.trouble = { status: 500, text: '' };
  assert.equal((await browser.open(startPath())).status, 503);
  peer.trouble = null;
  peer.metadata = {
    authorization_response_iss_parameter_supported: true,
    token_endpoint_auth_methods_supported: ['client_secret_post'],
  };
  const unnamed = (await browser.logIn('ada')).replace(/&iss=[^&]*/, '');
  refused(company, await browser.open(unnamed), /another issuer/);
  assert.equal((await browser.open(await browser.logIn('ada'))).status, 200);
  for (const trouble of [
    { status: 401, text: '{"error":"invalid_client"}' },
    { status: 400, text: '{"error":"temporarily_unavailable"}' },
    { status: 200, text: '[]' },
  ]) {
    peer.trouble = null;
    const again = await browser.logIn('ada');
    peer.trouble = trouble;
    const answer = await browser.open(again);
    assert.equal(answer.status, 503);
    assert(!answer.text.includes(peer.issuer));
  }
});

test('what the ID token leaves out is asked for, and of nobody else', async () => {
  await using company = await companyOpen({}, [
    {
      local: [{ user: { id: '{0}', name: '{1}' } }],
      remote: [{ type: 'OIDC-sub' }, { type: 'OIDC-nickname' }],
    },
  ]);
  const { peer, cloud } = company;
  const browser = new Browser(company);
  const end = async (): Promise<Answer> => await browser.open(await browser.logIn('ada'));
  refused(company, await end(), /no rule of the mapping fits/);
  peer.withheld.set('ada', { nickname: 'countess', iss: 'https://elsewhere' });
  const headers = { 'X-Subject-Token': formOf(await end()).token };
  const shown = await cloud.call('GET', '/v3/auth/tokens', { headers });
  assert.equal(shown.json.token.user.name, 'countess');
  peer.withheld.set('ada', { nickname: 'countess', sub: 'bob' });
  refused(company, await end(), /another user/);
});

test('over TLS the cookie is of this host alone and travels in no other way', async () => {
  await using company = await companyOpen();
  const headers = { 'X-Forwarded-Proto': 'https' };
  const answer = await company.cloud.call('GET', startPath(), { token: null, headers });
  assert.match(
    answer.headers.get('set-cookie') ?? '',
    /^__Host-welkin-websso=[\w-]+; Path=\/; Max-Age=600; HttpOnly; SameSite=Lax; Secure$/,
  );
  const sent = new URL(answer.headers.get('location') ?? '');
  assert.match(sent.searchParams.get('redirect_uri') ?? '', /^https:/);
});
