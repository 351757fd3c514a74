import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { keysRead } from '../../src/boot/key-ring.ts';
import { layoutOf } from '../../src/boot/layout.ts';
import { tokenDecode } from '../../src/identity/token.codec.ts';
import { cloudUse, until, type Cloud } from '../support/cloud.ts';

let cloud: Cloud;
before(async () => {
  cloud = await cloudUse();
});
after(async () => {
  await cloud?.[Symbol.asyncDispose]();
});

interface LogIn {
  readonly token: string;
  readonly objects: string;
}

async function logIn(): Promise<LogIn> {
  const openrc = readFileSync(join(cloud.stateDir, 'openrc'), 'utf8');
  const password = /OS_PASSWORD="([^"]+)"/.exec(openrc)?.[1] ?? '';
  const domain = { id: 'default' };
  const user = { name: 'admin', domain, password };
  const response = await fetch(`${cloud.apiUrl}/identity/v3/auth/tokens`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({
      auth: {
        identity: { methods: ['password'], password: { user } },
        scope: { project: { name: 'admin', domain } },
      },
    }),
  });
  const { token } = (await response.json()) as {
    token: { catalog: { type: string; endpoints: { url: string; interface: string }[] }[] };
  };
  const [store] = token.catalog.filter(({ type }) => type === 'object-store');
  const objects = store?.endpoints.find((one) => one.interface === 'public')?.url ?? '';
  return { token: response.headers.get('x-subject-token') ?? '', objects };
}

const statusOf = async (url: string, token: string): Promise<number> => {
  const response = await fetch(url, { headers: { 'X-Auth-Token': token } });
  await response.arrayBuffer();
  return response.status;
};

/** What each program says of a token. */
const accepted = async ({ token, objects }: LogIn): Promise<boolean> =>
  (await statusOf(`${cloud.apiUrl}/identity/v3/auth/projects`, token)) === 200 &&
  (await statusOf(`${cloud.apiUrl}/compute/v2.1/servers`, token)) === 200 &&
  (await statusOf(objects, token)) < 300;

test('keys are rotated under running programs: the object store takes the first token of each new key, and the old ones', async () => {
  const { tokenKeyDir } = layoutOf(cloud.stateDir);
  const held = [await logIn()];
  assert(await accepted(held[0] as LogIn));
  // The key that the second rotation puts in force did not exist when the programs were started.
  for (let round = 0; round < 2; round++) {
    await cloud.welkin('keys', 'rotate');
    const [newest] = keysRead(tokenKeyDir);
    assert(newest);
    const fresh = await until('a token of the new key', async () => {
      const next = await logIn();
      return tokenDecode([newest], next.token) === null ? null : next;
    });
    held.push(fresh);
    for (const one of held) assert(await accepted(one));
  }
});
