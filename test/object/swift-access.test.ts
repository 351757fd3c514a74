/** Who may do what through Swift: every call by everybody, in a container that is closed, open, or shared with a project. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import type { Actor } from '../../src/kernel/policy.ts';
import { containerCreate, containerGet } from '../../src/object/container.ts';
import { objectServer } from '../../src/object/http/object-server.ts';
import { objectDelete } from '../../src/object/object-delete.ts';
import { objectGet } from '../../src/object/object-get.ts';
import { swiftMethods } from '../../src/object/swift/dispatch.ts';
import { swiftFront } from '../../src/object/swift/swift.front.ts';
import { put, storeOpen, type TestStore } from './world.ts';

const goldenPath = 'test/expected/swift-access.txt';

const actorOf = (projectId: string, role: string): Actor => ({
  userId: `user-${projectId}-${role}`,
  userName: `${projectId}-${role}`,
  userDomainId: 'default',
  roles: [role],
  serviceRoles: [],
  auditId: '',
  scope: { kind: 'project', projectId, projectName: projectId, domainId: 'default' },
});

/** By token; `expired` is one that identity knows no more. */
const actors: Readonly<Record<string, Actor>> = {
  owner: actorOf('p1', 'member'),
  reader: actorOf('p1', 'reader'),
  nobody: actorOf('p1', 'other'),
  stranger: actorOf('p2', 'member'),
};
const everybody = [...Object.keys(actors), 'expired', 'anonymous'] as const;

interface Server extends AsyncDisposable {
  readonly store: TestStore;
  readonly port: number;
}

async function serve(): Promise<Server> {
  const identity = {
    tokenActor: async (token: string) => actors[token] ?? null,
    accessKeyFind: async () => null,
    projectNames: async () => new Map<string, string>(),
  };
  const store = await storeOpen({ identity });
  const s3 = async (): Promise<void> => {};
  const server = objectServer({ world: store.world, swift: swiftFront, s3, tls: null });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    store,
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
      await store[Symbol.asyncDispose]();
    },
  };
}

interface Call {
  /** `C`: the container. */
  readonly line: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

const paths = { account: '/v1/AUTH_p1', container: '/v1/AUTH_p1/C', object: '/v1/AUTH_p1/C/k' };

/** An archive of one file. */
function tarOf(name: string, text: string): string {
  const head = Buffer.alloc(512);
  head.write(name, 0);
  head.write('0000644\0', 100);
  head.write(`${text.length.toString(8).padStart(11, '0')}\0`, 124);
  head.write('        0', 148);
  const sum = head.reduce((all, byte) => all + byte, 0);
  head.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return head.toString('latin1') + text.padEnd(512, '\0') + '\0'.repeat(1024);
}

/** What a call needs besides its method and place. */
const needs: Readonly<Record<string, Omit<Call, 'line'>>> = {
  'object PUT': { body: 'x' },
  'object COPY': { headers: { Destination: 'C/copy' } },
  'container POST': { headers: { 'X-Container-Meta-A': 'b' } },
  'account POST': { headers: { 'X-Account-Meta-A': 'b' } },
  'object POST': { headers: { 'X-Object-Meta-A': 'b' } },
};

/** Every method of every place, as the front itself has them, and what a query or a header makes of them. */
const calls: readonly Call[] = [
  ...(['account', 'container', 'object'] as const).flatMap((level) =>
    swiftMethods[level].map((method) => ({
      line: `${method} ${paths[level]}`,
      ...needs[`${level} ${method}`],
    })),
  ),
  { line: 'PUT /v1/AUTH_p1/new-C' },
  { line: 'GET /v1/AUTH_p1/C/missing' },
  { line: 'GET /v1/AUTH_p1/C/k?multipart-manifest=get' },
  { line: 'PUT /v1/AUTH_p1/C/new?multipart-manifest=put', body: '[{"path":"/C/k"}]' },
  { line: 'PUT /v1/AUTH_p1/C/new', headers: { 'X-Copy-From': 'C/k', 'Content-Length': '0' } },
  { line: 'PUT /v1/AUTH_p1/C/new', headers: { 'X-Symlink-Target': 'C/k', 'Content-Length': '0' } },
  { line: 'PUT /v1/AUTH_p1/C/new', headers: { 'X-Object-Manifest': 'C/k', 'Content-Length': '0' } },
  { line: 'PUT /v1/AUTH_p1/C?extract-archive=tar', body: tarOf('packed', 'x') },
  { line: 'POST /v1/AUTH_p1?bulk-delete', body: 'C/k', headers: { 'Content-Type': 'text/plain' } },
  { line: 'POST /v1/AUTH_p1/C', headers: { 'X-Container-Read': '.r:*' } },
  { line: 'POST /v1/AUTH_p1', headers: { 'X-Account-Meta-Temp-URL-Key': 'k' } },
  { line: 'POST /v1/AUTH_p1', headers: { 'X-Account-Access-Control': '{"admin":["p2"]}' } },
  // From one project into the other, named in every way there is.
  {
    line: 'COPY /v1/AUTH_p1/C/k',
    headers: { Destination: 'theirs/stolen', 'Destination-Account': 'AUTH_p2' },
  },
  {
    line: 'PUT /v1/AUTH_p2/theirs/stolen',
    headers: { 'X-Copy-From': 'C/k', 'X-Copy-From-Account': 'AUTH_p1', 'Content-Length': '0' },
  },
  { line: 'GET /v1/AUTH_p2/theirs/link' },
  { line: 'GET /v1/AUTH_p2/theirs/../../AUTH_p1/C/k' },
  { line: 'GET /v1/AUTH_p2/theirs/%2e%2e/%2e%2e/AUTH_p1/C/k' },
  { line: 'GET /v1/AUTH_p2%2f..%2fAUTH_p1/C/k' },
  { line: 'GET /v1/AUTH_p1/C/k?temp_url_sig=0000&temp_url_expires=4000000000' },
];

const kinds: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  closed: {},
  open: { 'swift:read': '.r:*,.rlistings' },
  shared: { 'swift:read': 'p2:*', 'swift:write': 'p2:*' },
};

let serial = 0;

async function containerMake({ store: { world } }: Server, kind: string): Promise<string> {
  const name = `c${serial++}`;
  const documents = kinds[kind] ?? {};
  const { container } = await containerCreate(world, { account: 'AUTH_p1', name, documents });
  await put(world, container, 'k', 'secret bytes');
  const theirs = await containerCreate(world, {
    account: 'AUTH_p2',
    name: 'theirs',
    documents: {},
  });
  await objectDelete(world, theirs.container, { name: 'stolen' });
  const link = { target: `${name}/k`, account: 'AUTH_p1' };
  await put(world, theirs.container, 'link', '', {
    facts: { headers: {}, meta: {}, swift: { link } },
  });
  return name;
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

async function asked(server: Server, who: string, call: Call, name: string): Promise<Answer> {
  const filled = (text: string): string =>
    text.replace(/\bC\b/g, name).replace('new-C', `new-${name}`);
  const [method = '', path = ''] = filled(call.line).split(' ');
  const headers: Record<string, string> = {};
  for (const [key, value] of Object.entries(call.headers ?? {})) headers[key] = filled(value);
  if (who !== 'anonymous') headers['X-Auth-Token'] = who;
  const body = call.body === undefined ? undefined : filled(call.body);
  // The path goes as it is: fetch would walk the dots in it.
  return await new Promise((resolve, reject) => {
    const { port } = server;
    const sent = httpRequest({ host: '127.0.0.1', port, method, path, headers }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', reject);
      answer.on('end', () =>
        resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(chunks).toString() }),
      );
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

test('every call of Swift is open to those it is for, and to nobody else', async () => {
  await using server = await serve();
  const { world } = server.store;
  const lines: string[] = [];
  for (const kind of Object.keys(kinds)) {
    lines.push(`${kind} container: ${everybody.join(' ')}`);
    let name = await containerMake(server, kind);
    for (const call of calls) {
      const results: string[] = [];
      for (const who of everybody.toReversed()) {
        const { status, text } = await asked(server, who, call, name);
        assert.ok(status < 500, `${kind} ${call.line} ${who}: ${status} ${text}`);
        // What is done in bulk says for each part what became of it.
        const isDenied = /^40[13] |\b40[13] (Unauthorized|Forbidden)/.test(`${status} ${text}`);
        assert.ok(!isDenied || !text.includes('secret'), call.line);
        results.unshift(isDenied ? '-' : String(status));
        const isChange = !/^(GET|HEAD|OPTIONS)/.test(call.line);
        if (isDenied && isChange) {
          const left = await containerGet(world, 'AUTH_p1', name);
          assert.equal(left?.counts.objects, 1, `${call.line} by ${who} changed something`);
          const theirs = await containerGet(world, 'AUTH_p2', 'theirs');
          const stolen = theirs === null ? null : await objectGet(world, theirs, 'stolen');
          assert.equal(stolen, null, `${call.line} by ${who} copied something`);
        }
        if (!isDenied && isChange) name = await containerMake(server, kind);
      }
      const given = Object.keys(call.headers ?? {}).join(' ');
      lines.push(`  ${call.line}${given === '' ? '' : ` (${given})`}: ${results.join(' ')}`);
    }
  }
  const text = `${lines.join('\n')}\n`;
  if (process.env['UPDATE_EXPECTED'] === '1') writeFileSync(goldenPath, text);
  assert.equal(text, readFileSync(goldenPath, 'utf8'));
});
