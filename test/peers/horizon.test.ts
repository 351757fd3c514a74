/** The log-in of Debian's Horizon, and the browser of somebody of a provider. */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ada, companyOpen, roleGive } from '../identity/provider-company.ts';
import { until } from '../support/cloud.ts';
import { freePort } from '../support/free-port.ts';

const packages = [
  'python3-django-horizon',
  'python3-django',
  'python3-sqlparse',
  'python3-asgiref',
];

interface Horizon extends AsyncDisposable {
  readonly url: string;
}

/** Fetched and unpacked beside the system, which need not have it. */
async function horizonStart(port: number, keystone: string): Promise<Horizon> {
  const folder = mkdtempSync(join(tmpdir(), 'horizon-'));
  execFileSync('apt-get', ['download', '-q', ...packages], { cwd: folder, stdio: 'pipe' });
  for (const path of globSync(join(folder, '*.deb'))) execFileSync('dpkg', ['-x', path, folder]);
  const listen = `127.0.0.1:${port}`;
  const words = [join(import.meta.dirname, 'horizon.py'), listen, keystone, folder];
  const site = spawn('/usr/bin/python3', ['-W', 'ignore', '-P', ...words], {
    env: { ...process.env, PYTHONPATH: join(folder, 'usr/lib/python3/dist-packages') },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const horizon: Horizon = {
    url: `http://${listen}`,
    async [Symbol.asyncDispose]() {
      if (site.exitCode === null && site.kill()) await once(site, 'exit');
      rmSync(folder, { recursive: true });
    },
  };
  const ready = until('the site of Horizon', async () => {
    assert.equal(site.exitCode, null, 'Horizon has ended');
    return await fetch(`${horizon.url}/home/`).then(
      ({ ok }) => ok,
      () => false,
    );
  });
  await ready.catch(async (error: unknown) => {
    await horizon[Symbol.asyncDispose]();
    throw error;
  });
  return horizon;
}

interface Page {
  readonly status: number;
  /** Where it sends the browser. */
  readonly location: string;
  readonly text: string;
}

/** Keeps cookies as a browser does, but for hosts with their ports: all of them are on loopback. */
class Browser {
  readonly #cookies = new Map<string, Map<string, string>>();

  async open(url: string, form?: Readonly<Record<string, string>>): Promise<Page> {
    const { host } = new URL(url);
    const held = this.#cookies.get(host) ?? new Map<string, string>();
    this.#cookies.set(host, held);
    const response = await fetch(url, {
      redirect: 'manual',
      method: form === undefined ? 'GET' : 'POST',
      headers: { Cookie: [...held].map((pair) => pair.join('=')).join('; ') },
      ...(form !== undefined && { body: new URLSearchParams(form) }),
    });
    for (const cookie of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
      held.set(name, value);
    }
    const location = new URL(response.headers.get('location') ?? '', url).href;
    return { status: response.status, location, text: await response.text() };
  }
}

test('Horizon sends a browser to the provider and has its user when it comes back', async () => {
  const port = await freePort();
  const dashboard = `http://127.0.0.1:${port}/auth/websso/`;
  await using company = await companyOpen({}, undefined, {}, dashboard);
  const { cloud, peer } = company;
  await roleGive(company);
  peer.people.set('ada', { ...ada, exp: Math.floor(cloud.clock.now() / 1_000) + 300 });
  peer.atBrowser = 'ada';
  await using horizon = await horizonStart(port, `${cloud.url}/v3`);
  for (const choice of ['corp', 'openid']) {
    const browser = new Browser();
    const page = await browser.open(`${horizon.url}/auth/login/`);
    const [, csrf = ''] = /csrfmiddlewaretoken" value="([^"]+)"/.exec(page.text) ?? [];
    const chosen = { csrfmiddlewaretoken: csrf, auth_type: choice, region: 'default' };
    const sent = await browser.open(`${horizon.url}/auth/login/`, chosen);
    assert.equal(sent.status, 302, sent.text);
    const toProvider = await browser.open(sent.location);
    const toCloud = await browser.open(toProvider.location);
    const { text } = await browser.open(toCloud.location);
    const [, action = ''] = / action="([^"]+)"/.exec(text) ?? [];
    const [, token = ''] = / name="token" value="([^"]+)"/.exec(text) ?? [];
    assert.equal(action, dashboard);
    assert.equal((await browser.open(action, { token })).location, `${horizon.url}/home/`);
    assert.deepEqual(JSON.parse((await browser.open(`${horizon.url}/home/`)).text), {
      user: 'ada',
      project: 'admin',
      roles: ['member', 'reader'],
    });
  }
});
