/**
 * kill -9 of control and agent at random moments, while servers are made, rebooted, copied and deleted: what was
 * acknowledged ends in its final state, no poll sees a server vanish, a guest that nobody touched runs on, and in the
 * end nothing is left over.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'node:test';
import { agentClientOpen } from '../../src/agent/http/client.ts';
import { layoutOf } from '../../src/boot/layout.ts';
import { apiClient, type ApiClient } from '../support/client.ts';
import { cloudUse, until, type Cloud } from '../support/cloud.ts';
import { tinyUpload } from '../support/tiny-image.ts';

/** All of them in the long run (`welkin test fault --all`). */
const kills = Number(
  process.env['WELKIN_TEST_KILLS'] ?? (process.env['WELKIN_TEST_ALL'] ? 200 : 40),
);
const workers = 3;
const logsKept = resolve('.state', 'test-logs', 'kill');

interface Watch {
  /** Acknowledged and not yet asked to go. */
  readonly alive: Set<string>;
  readonly faults: string[];
  /** Acts that were acknowledged and came to their end. */
  done: number;
  kills: number;
  isOver: boolean;
}

interface House {
  readonly api: ApiClient;
  readonly imageId: string;
  readonly networkId: string;
}

const servers = '/compute/v2.1/servers';

async function serverCreate(
  { api, imageId, networkId }: House,
  name: string,
): Promise<string | null> {
  const answer = await api.call('POST', servers, {
    server: { name, imageRef: imageId, flavorRef: '42', networks: [{ uuid: networkId }] },
  });
  if (answer === null) return null;
  assert.equal(answer.status, 202, JSON.stringify(answer.json));
  return answer.json.server.id;
}

/** The server when it is at rest: no task, and not being built. */
async function settled({ api }: House, watch: Watch, id: string) {
  const server = await until(
    `server ${id} to settle`,
    async () => {
      const { status, json } = await api.insist('GET', `${servers}/${id}`);
      if (status !== 200) {
        watch.faults.push(`server ${id} answered ${status} although it was acknowledged`);
        return { status: 'GONE' };
      }
      const { server } = json;
      return server['OS-EXT-STS:task_state'] === null && server.status !== 'BUILD' && server;
    },
    600_000,
  );
  watch.done++;
  return server;
}

async function act({ api }: House, id: string, body: object): Promise<boolean> {
  const answer = await api.call('POST', `${servers}/${id}/action`, body);
  return answer !== null && answer.status < 300;
}

/** One server's life, over and over, until the killing is over. */
async function work(house: House, watch: Watch, worker: number): Promise<void> {
  for (let round = 1; !watch.isOver; round++) {
    const id = await serverCreate(house, `kill-${worker}-${round}`);
    if (id === null) continue;
    watch.alive.add(id);
    const made = await settled(house, watch, id);
    if (made.status !== 'ACTIVE')
      watch.faults.push(`create of ${id}: ${made.status} ${JSON.stringify(made.fault)}`);
    for (const body of [{ reboot: { type: 'HARD' } }, { 'os-stop': null }, { 'os-start': null }]) {
      if (watch.isOver || !(await act(house, id, body))) continue;
      const after = await settled(house, watch, id);
      const wanted = 'os-stop' in body ? 'SHUTOFF' : 'ACTIVE';
      if (after.status !== wanted)
        watch.faults.push(`${JSON.stringify(body)} of ${id}: ${after.status}`);
    }
    if (round % 3 === 0) {
      await act(house, id, { createImage: { name: `kill-${worker}-${round}` } });
      await settled(house, watch, id);
    }
    watch.alive.delete(id);
    await house.api.insist('DELETE', `${servers}/${id}`);
  }
}

/** Polls everything acknowledged: none of it may be missing from a list. */
async function poll({ api }: House, watch: Watch): Promise<void> {
  while (!watch.isOver) {
    const expected = [...watch.alive];
    const answer = await api.call('GET', servers);
    if (answer !== null && answer.status === 200) {
      const listed = new Set(answer.json.servers.map(({ id }: { id: string }) => id));
      for (const id of expected) {
        if (watch.alive.has(id) && !listed.has(id))
          watch.faults.push(`server ${id} vanished from the list`);
      }
    }
    await sleep(200);
  }
}

type Program = 'control' | 'agent';

const pidOf = (cloud: Cloud, program: Program): number | null => {
  try {
    const text = readFileSync(join(cloud.stateDir, 'run', `${program}.json`), 'utf8');
    return (JSON.parse(text) as { pid: number }).pid;
  } catch {
    return null;
  }
};

/**
 * Kills one program again and again, and counts. Some lives end during the start; most begin to work first, however
 * long a busy machine takes to start them.
 */
async function killAgain(cloud: Cloud, watch: Watch, program: Program): Promise<void> {
  while (watch.kills < kills && watch.faults.length === 0) {
    const isAtStart = Math.random() < 0.2;
    if (!isAtStart) await until(`${program} to work`, () => isAtWork(cloud, program));
    await sleep(isAtStart ? Math.random() * 1_500 : Math.random() ** 2 * 6_000);
    const pid = pidOf(cloud, program);
    if (pid === null || !killed(pid)) continue;
    watch.kills++;
    if (watch.kills % 20 === 0)
      console.log(`${watch.kills} kills, ${watch.done} acts came to their end`);
  }
}

async function isAtWork(cloud: Cloud, program: Program): Promise<boolean> {
  try {
    if (program === 'control') return (await fetch(`${cloud.apiUrl}/identity/v3`)).status === 200;
    const agent = agentClientOpen({ socketPath: layoutOf(cloud.stateDir).agentSocket });
    await agent.hostGet().finally(() => agent.close());
    return true;
  } catch {
    return false;
  }
}

function killed(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL');
  } catch {
    // It has just ended and its record is not gone yet.
    return false;
  }
}

const guestPids = (cloud: Cloud): string[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
        return words.startsWith('qemu-system') && words.includes(cloud.stateDir);
      } catch {
        return false;
      }
    });

test(`${kills} kills of control and agent lose nothing and leave nothing`, async () => {
  await using cloud = await cloudUse();
  const api = await apiClient(cloud);
  const imageId = await tinyUpload(api);
  const made = await api.insist('POST', '/network/v2.0/networks', {
    network: { name: 'kill-net' },
  });
  const networkId = made.json.network.id;
  const subnet = { network_id: networkId, ip_version: 4, cidr: '10.9.0.0/24' };
  await api.insist('POST', '/network/v2.0/subnets', { subnet });
  const house: House = { api, imageId, networkId };
  const watch: Watch = { alive: new Set(), faults: [], done: 0, kills: 0, isOver: false };

  const witness = await serverCreate(house, 'kill-witness');
  assert(witness !== null);
  assert.equal((await settled(house, watch, witness)).status, 'ACTIVE');
  const [witnessPid] = guestPids(cloud);

  const note = (error: unknown): void => void watch.faults.push(String(error));
  const working = Array.from({ length: workers }, (_, index) =>
    work(house, watch, index).catch(note),
  );
  const polling = poll(house, watch).catch(note);
  await Promise.all([killAgain(cloud, watch, 'control'), killAgain(cloud, watch, 'agent')]);
  watch.isOver = true;
  await Promise.all([...working, polling]);
  if (watch.faults.length > 0) cpSync(join(cloud.stateDir, 'log'), logsKept, { recursive: true });
  assert.deepEqual(watch.faults, [], `logs are in ${logsKept}`);
  assert.ok(guestPids(cloud).includes(witnessPid ?? ''), 'the guest that nobody touched runs on');

  const { json } = await api.insist('GET', servers);
  for (const { id } of json.servers) await api.insist('DELETE', `${servers}/${id}`);
  await until('every server to be gone', async () => {
    const { json: left } = await api.insist('GET', servers);
    return left.servers.length === 0;
  });
  await until('every guest to be gone', async () => guestPids(cloud).length === 0);
  const images = await api.insist('GET', '/image/v2/images?limit=1000');
  for (const image of images.json.images) {
    if (image.name.startsWith('kill-')) await api.insist('DELETE', `/image/v2/images/${image.id}`);
  }
  const ports = await api.insist('GET', `/network/v2.0/ports?network_id=${networkId}`);
  const owners = ports.json.ports.map(({ device_owner }: { device_owner: string }) => device_owner);
  assert.deepEqual(owners, ['network:dhcp'], 'no port of a server is left');
  const { json: hypervisors } = await api.insist('GET', '/compute/v2.1/os-hypervisors/detail');
  assert.equal(hypervisors.hypervisors[0].vcpus_used, 0, 'no claim is left');
  for (const folder of ['servers', 'snapshots']) {
    const left = readdirSync(join(cloud.stateDir, 'agent', folder));
    assert.deepEqual(left, [], `no file is left in ${folder}`);
  }
  await until('the network to leave the host', async () => {
    const names = execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' });
    return !names.includes(networkId.slice(-8));
  });
});
