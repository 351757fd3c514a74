import { Agent, request } from 'node:http';
import type { Bench } from './bench.ts';
import { measure } from './bench.ts';
import { adminToken, controlCpuSec } from './control-load.ts';

const connections = 32;
const warmUpMs = 2_000;
const watchMs = 8_000;

interface Load {
  readonly url: URL;
  readonly token: string;
  readonly agent: Agent;
}

/** One validation, as middleware asks for it; resolves when the answer was read whole. */
const validate = ({ url, token, agent }: Load): Promise<void> =>
  new Promise((resolve, reject) => {
    const headers = { 'X-Auth-Token': token, 'X-Subject-Token': token };
    const asked = request(url, { agent, headers }, (answer) => {
      if (answer.statusCode !== 200) reject(new Error(`answered ${answer.statusCode}`));
      answer.resume();
      answer.on('end', resolve);
    });
    asked.on('error', reject);
    asked.end();
  });

async function loadRun(load: Load, forMs: number): Promise<number> {
  const endMs = performance.now() + forMs;
  let done = 0;
  const connection = async (): Promise<void> => {
    while (performance.now() < endMs) {
      await validate(load);
      done++;
    }
  };
  await Promise.all(Array.from({ length: connections }, connection));
  return done;
}

export const bench: Bench = {
  name: 'token',
  about: 'validations of a token over HTTP, catalog included',
  async run(context) {
    const cloud = await context.cloud();
    const token = await adminToken(cloud);
    const cpuSec = await controlCpuSec(cloud);
    const agent = new Agent({ keepAlive: true, maxSockets: connections });
    const load = { url: new URL('/identity/v3/auth/tokens', cloud.apiUrl), token, agent };
    await loadRun(load, warmUpMs);
    const before = cpuSec();
    const done = await loadRun(load, watchMs);
    const spent = cpuSec() - before;
    agent.destroy();
    return [
      measure('validations', done / spent, '/s of a core', { target: { atLeast: 8_000 } }),
      measure('validations, with this client beside it', done / (watchMs / 1000), '/s'),
    ];
  },
};
