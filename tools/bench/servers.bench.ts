import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { credentialsEnsure } from '../../src/boot/credentials.ts';
import { configurationRead } from '../../src/boot/configuration.ts';
import { layoutOf } from '../../src/boot/layout.ts';
import { processFacts } from '../../src/boot/proc.ts';
import { roleArgv } from '../../src/boot/supervise-argv.ts';
import { apiClient, type ApiClient } from '../../test/support/client.ts';
import type { Bench } from './bench.ts';
import { measure } from './bench.ts';

const serverCount = 1_000;
const clients = 16;
const listMs = 10_000;
const port = 15_999;

export const bench: Bench = {
  name: 'servers',
  about: `${serverCount} servers on simulated agents: everything but the agents is real, commits are durable`,
  async run() {
    const stateDir = mkdtempSync(join(tmpdir(), 'welkin-bench-'));
    const program = join(import.meta.dirname, 'sim-control.ts');
    const [, youngGeneration = ''] = roleArgv('control', layoutOf(stateDir));
    const control = fork(program, [stateDir, String(port), '100'], {
      execArgv: [youngGeneration],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    try {
      await once(control, 'message');
      credentialsEnsure(layoutOf(stateDir), configurationRead(null, `127.0.0.1:${port}`));
      const api = await apiClient({ stateDir, apiUrl: `http://127.0.0.1:${port}` });
      const created = await createAll(api);
      const cpu = (): number => processFacts(control.pid ?? 0)?.cpuSec ?? Number.NaN;
      const [cpuBefore, endMs] = [cpu(), performance.now() + listMs];
      let lists = 0;
      for (; performance.now() < endMs; lists++) {
        const { json } = await api.insist('GET', '/compute/v2.1/servers/detail?limit=1000');
        if (json.servers.length !== serverCount) throw new Error(`listed ${json.servers.length}`);
      }
      return [
        measure('created and active', created, 's', { target: { atMost: 10 } }),
        measure('lists of all with details', lists / (cpu() - cpuBefore), 'per CPU second', {
          target: { atLeast: 25 },
        }),
      ];
    } finally {
      control.kill('SIGTERM');
      await once(control, 'exit');
      rmSync(stateDir, { recursive: true, force: true });
    }
  },
};

async function createAll(api: ApiClient): Promise<number> {
  const { imageId, networkId } = await prepare(api);
  const startedMs = performance.now();
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < serverCount) {
      const name = `bench-${next++}`;
      const server = { name, imageRef: imageId, flavorRef: '42', networks: [{ uuid: networkId }] };
      const { status, json } = await api.insist('POST', '/compute/v2.1/servers', { server });
      if (status !== 202) throw new Error(`create: ${status} ${JSON.stringify(json)}`);
    }
  };
  await Promise.all(Array.from({ length: clients }, work));
  for (;;) {
    const { json } = await api.insist('GET', '/compute/v2.1/servers?status=ACTIVE&limit=1000');
    if (json.servers.length === serverCount) return (performance.now() - startedMs) / 1000;
    await wait(100);
  }
}

async function prepare(api: ApiClient): Promise<{ imageId: string; networkId: string }> {
  const auth = await api.insist('GET', '/identity/v3/auth/projects');
  const projectId = auth.json.projects[0].id;
  const unlimited = { instances: -1, cores: -1, ram: -1 };
  await api.insist('PUT', `/compute/v2.1/os-quota-sets/${projectId}`, { quota_set: unlimited });
  await api.insist('PUT', `/network/v2.0/quotas/${projectId}`, { quota: { port: -1 } });
  const image = await api.insist('POST', '/image/v2/images', {
    name: 'bench',
    disk_format: 'raw',
    container_format: 'bare',
  });
  const imageId = image.json.id;
  await api.upload(`/image/v2/images/${imageId}/file`, new Uint8Array(1 << 20));
  const network = await api.insist('POST', '/network/v2.0/networks', {
    network: { name: 'bench' },
  });
  const networkId = network.json.network.id;
  const subnet = { network_id: networkId, ip_version: 4, cidr: '10.16.0.0/16' };
  await api.insist('POST', '/network/v2.0/subnets', { subnet });
  return { imageId, networkId };
}
