import { argon2 } from 'node:crypto';
import { Agent, request } from 'node:http';
import { promisify } from 'node:util';
import type { Bench, Measure } from './bench.ts';
import { adminToken, controlCpuSec } from './control-load.ts';
import { measure } from './bench.ts';

const connections = 16;
const warmMs = 3_000;
const watchMs = 5_000;
const passwordUsers = 40;
const listedUsers = 10_000;
const password = 'bench-secret';

interface Client {
  readonly url: URL;
  readonly agent: Agent;
  readonly token: string;
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
}

/** One request, its answer read whole. */
const send = (
  { url, agent, token }: Client,
  method: string,
  path: string,
  body?: unknown,
): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const headers = { 'X-Auth-Token': token, 'Content-Type': 'application/json' };
    const asked = request(new URL(`/identity/v3${path}`, url), { agent, method, headers });
    asked.on('response', (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (part: string) => (text += part));
      answer.on('end', () =>
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text }),
      );
    });
    asked.on('error', reject);
    asked.end(body === undefined ? undefined : JSON.stringify(body));
  });

async function sent(client: Client, path: string, body: unknown): Promise<Answer> {
  const answer = await send(client, 'POST', path, body);
  if (answer.status !== 201) throw new Error(`${path} answered ${answer.status}: ${answer.text}`);
  return answer;
}

/** So many at one time, until the work says that it is done. */
const together = (work: () => Promise<boolean>): Promise<unknown> =>
  Promise.all(
    Array.from({ length: connections }, async () => {
      while (await work());
    }),
  );

const logIn = (identity: object) => ({ auth: { identity } });

async function credentialMeasure(client: Client, cpuSec: () => number): Promise<Measure> {
  const shown = await send(client, 'GET', '/auth/projects');
  if (shown.status !== 200) throw new Error(`the token is worth nothing: ${shown.text}`);
  const own = JSON.parse(
    (
      await send(
        client,
        'POST',
        '/auth/tokens',
        logIn({ methods: ['token'], token: { id: client.token } }),
      )
    ).text,
  ) as { token: { user: { id: string } } };
  const made = await sent(client, `/users/${own.token.user.id}/application_credentials`, {
    application_credential: { name: `bench-${Date.now()}` },
  });
  const { id, secret } = (
    JSON.parse(made.text) as { application_credential: { id: string; secret: string } }
  ).application_credential;
  const body = logIn({
    methods: ['application_credential'],
    application_credential: { id, secret },
  });
  let done = 0;
  const turn = async (untilMs: number): Promise<void> => {
    await together(async () => {
      await sent(client, '/auth/tokens', body);
      done++;
      return performance.now() < untilMs;
    });
  };
  // What is compiled once is not what one more costs.
  await turn(performance.now() + warmMs);
  done = 0;
  const before = cpuSec();
  await turn(performance.now() + watchMs);
  return measure('tokens by application credential', done / (cpuSec() - before), '/s of a core', {
    target: { atLeast: 2_000 },
  });
}

/** What one hash costs by itself, at the costs of the default configuration. */
async function hashCpuMs(): Promise<number> {
  const hash = promisify(argon2);
  const costs = { memory: 19_456, passes: 2, parallelism: 1, tagLength: 32 };
  const before = process.cpuUsage();
  for (let turn = 0; turn < passwordUsers; turn++) {
    await hash('argon2id', { message: password, nonce: Buffer.alloc(16, turn), ...costs });
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000 / passwordUsers;
}

/** Each user once: who comes back within a minute costs no hash. */
async function passwordMeasure(client: Client, cpuSec: () => number): Promise<Measure> {
  const ids: string[] = [];
  for (let turn = 0; turn < passwordUsers; turn++) {
    const user = { name: `bench-${Date.now()}-${turn}`, password };
    const made = await sent(client, '/users', { user });
    ids.push((JSON.parse(made.text) as { user: { id: string } }).user.id);
  }
  const before = cpuSec();
  for (const id of ids) {
    const identity = { methods: ['password'], password: { user: { id, password } } };
    await sent(client, '/auth/tokens', logIn(identity));
  }
  const eachMs = ((cpuSec() - before) * 1_000) / ids.length;
  for (const id of ids) await send(client, 'DELETE', `/users/${id}`);
  const bareMs = await hashCpuMs();
  return measure('CPU of a log-in by password, over that of its hash', eachMs / bareMs, 'times', {
    target: { atMost: 1.1 },
  });
}

async function listMeasure(client: Client, cpuSec: () => number): Promise<Measure[]> {
  const domainMade = await sent(client, '/domains', { domain: { name: `bench-${Date.now()}` } });
  const { id } = (JSON.parse(domainMade.text) as { domain: { id: string } }).domain;
  let next = 0;
  await together(async () => {
    const turn = next++;
    if (turn < listedUsers)
      await sent(client, '/users', { user: { name: `u${turn}`, domain_id: id } });
    return next < listedUsers;
  });
  const startMs = performance.now();
  const before = cpuSec();
  let [pages, found] = [0, 0];
  for (let path: string | null = `/users?domain_id=${id}&limit=1000`; path !== null; pages++) {
    const page = JSON.parse((await send(client, 'GET', path)).text) as {
      users: unknown[];
      links: { next: string | null };
    };
    found += page.users.length;
    path = page.links.next === null ? null : (page.links.next.split('/v3').at(-1) ?? null);
  }
  if (found < listedUsers) throw new Error(`${found} of ${listedUsers} users were listed`);
  const tookMs = performance.now() - startMs;
  const spentMs = (cpuSec() - before) * 1_000;
  await send(client, 'PATCH', `/domains/${id}`, { domain: { enabled: false } });
  await send(client, 'DELETE', `/domains/${id}`);
  return [
    measure(`list of ${listedUsers} users in pages of 1,000`, tookMs, 'ms'),
    measure('CPU of a page of 1,000 users', spentMs / pages, 'ms'),
  ];
}

export const bench: Bench = {
  name: 'identity',
  about: 'log-ins by application credential and by password, and long lists',
  async run(context) {
    const cloud = await context.cloud();
    const token = await adminToken(cloud);
    const agent = new Agent({ keepAlive: true, maxSockets: connections });
    const client = { url: new URL(cloud.apiUrl), agent, token };
    const cpuSec = await controlCpuSec(cloud);
    try {
      return [
        await credentialMeasure(client, cpuSec),
        await passwordMeasure(client, cpuSec),
        ...(await listMeasure(client, cpuSec)),
      ];
    } finally {
      agent.destroy();
    }
  },
};
