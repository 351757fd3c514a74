import { execFileSync, spawn } from 'node:child_process';
import {
  chownSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { guestUid, layoutOf } from '../../src/boot/layout.ts';
import { processFacts, type ProcessFacts } from '../../src/boot/proc.ts';
import type { Cloud } from '../../test/support/cloud.ts';
import { apiClient, type ApiClient } from '../../test/support/client.ts';
import type { Bench } from './bench.ts';
import { measure } from './bench.ts';

const rounds = Number(process.env['ROUNDS'] ?? 9);
/** How often the console is looked at, on both sides. */
const lookEveryMs = 2;
const limitMs = 120_000;
const tap = `wbench${process.pid % 10_000}`;

/**
 * What is measured ends with the guest's first own instructions: a boot sector that writes one byte to the serial port.
 * The firmware before it runs on both sides alike. By hand the very command line of the server is started again, on a
 * copy of its disk, with a tap that is there already. One server stays, so that image and network are on the host.
 */
export const bench: Bench = {
  name: 'boot',
  about:
    'from POST /servers to the first instruction of the guest, against the same QEMU started by hand',
  async run(context) {
    const cloud = await context.cloud();
    const api = await apiClient(cloud);
    const { programs } = JSON.parse(await cloud.welkin('status', '--json')) as {
      programs: ProcessFacts[];
    };
    const cpuMs = (): number =>
      programs.reduce((sum, { pid }) => sum + (processFacts(pid)?.cpuSec ?? 0) * 1000, 0);
    execFileSync('ip', [
      'tuntap',
      'add',
      'dev',
      tap,
      'mode',
      'tap',
      'user',
      `${guestUid}`,
      'vnet_hdr',
    ]);
    try {
      const wanted = await prepare(api);
      const first = await started(cloud, api, wanted);
      const [warm, byHandMs, ours]: [number[], number[], number[]] = [[], [], []];
      for (let index = 0; index < rounds; index++) {
        const before = cpuMs();
        const one = await started(cloud, api, wanted);
        byHandMs.push(await byHand(one.directory));
        await removed(api, one.path);
        ours.push(cpuMs() - before);
        warm.push(one.tookMs);
      }
      await removed(api, first.path);
      const [ofCloud, hand] = [median(warm), median(byHandMs)];
      const references = [{ what: 'QEMU by hand', value: hand }];
      return [
        measure(`from POST, median of ${rounds}`, ofCloud, 'ms', { references }),
        measure('more than by hand', ofCloud - hand, 'ms', { target: { atMost: 150 } }),
        measure('the first one, which brings image and network', first.tookMs, 'ms', {
          references,
        }),
        measure('processor of our programs, made and deleted', median(ours), 'ms'),
      ];
    } finally {
      execFileSync('ip', ['link', 'delete', tap]);
    }
  },
};

const median = (values: readonly number[] = []): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

async function prepare(api: ApiClient): Promise<object> {
  const formats = { disk_format: 'raw', container_format: 'bare' };
  const image = await api.insist('POST', '/image/v2/images', { name: 'bench-boot', ...formats });
  await api.upload(`/image/v2/images/${image.json.id}/file`, bootSector());
  const named = { network: { name: 'bench-boot' } };
  const network = await api.insist('POST', '/network/v2.0/networks', named);
  const { id } = network.json.network;
  const subnet = { network_id: id, ip_version: 4, cidr: '10.17.0.0/24' };
  await api.insist('POST', '/network/v2.0/subnets', { subnet });
  return { name: 'bench-boot', imageRef: image.json.id, flavorRef: '42', networks: [{ uuid: id }] };
}

/** `mov dx,0x3f8; mov al,'W'; out dx,al; cli; hlt` */
function bootSector(): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(1 << 20);
  bytes.set([0xba, 0xf8, 0x03, 0xb0, 0x57, 0xee, 0xfa, 0xf4, 0xeb, 0xfc]);
  bytes.set([0x55, 0xaa], 510);
  return bytes;
}

interface Started {
  readonly path: string;
  readonly directory: string;
  readonly tookMs: number;
}

async function started(cloud: Cloud, api: ApiClient, server: object): Promise<Started> {
  const startedMs = performance.now();
  const { status, json } = await api.insist('POST', '/compute/v2.1/servers', { server });
  if (status !== 202) throw new Error(`create: ${status} ${JSON.stringify(json)}`);
  const directory = join(layoutOf(cloud.stateDir).agentDir, 'servers', json.server.id);
  const tookMs = (await spoken(join(directory, 'run', 'console.log'))) - startedMs;
  return { path: `/compute/v2.1/servers/${json.server.id}`, directory, tookMs };
}

async function removed(api: ApiClient, path: string): Promise<void> {
  await api.insist('DELETE', path);
  while ((await api.insist('GET', path)).status !== 404) await wait(100);
}

/** When the first byte is there. */
async function spoken(path: string): Promise<number> {
  const endMs = performance.now() + limitMs;
  while ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) === 0) {
    if (performance.now() > endMs) throw new Error(`the guest of ${path} said nothing`);
    await wait(lookEveryMs);
  }
  return performance.now();
}

async function byHand(directory: string): Promise<number> {
  const pid = readFileSync(join(directory, 'run', 'qemu.pid'), 'utf8').trim();
  const [program = '', ...words] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  const own = mkdtempSync(join(tmpdir(), 'welkin-bench-boot-'));
  try {
    const run = join(own, 'run');
    mkdirSync(run);
    const args = words
      .slice(0, -1)
      .map((word) =>
        word.replaceAll(directory, own).replace(/"ifname":"[^"]+"/, `"ifname":"${tap}"`),
      );
    const disk = /disk-root\.\d+\.qcow2/.exec(args.join(' '))?.[0] ?? '';
    copyFileSync(join(directory, disk), join(own, disk));
    for (const path of [own, run, join(own, disk)]) chownSync(path, guestUid, guestUid);
    const startedMs = performance.now();
    const options = { stdio: 'ignore', uid: guestUid, gid: guestUid, cwd: run } as const;
    const child = spawn(program, args, options);
    const ended = new Promise((resolve) => child.once('exit', resolve));
    try {
      return (await spoken(join(run, 'console.log'))) - startedMs;
    } finally {
      child.kill('SIGKILL');
      await ended;
    }
  } finally {
    rmSync(own, { recursive: true, force: true });
  }
}
