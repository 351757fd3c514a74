/** A Linux guest, for what takes one: drivers, ACPI, the agent inside. It boots once, which takes its time. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { NetworkWanted, NicWanted } from '../../../src/agent/api.ts';
import { commandRun } from '../../../src/agent/command.ts';
import { namesOf } from '../../../src/agent/network/names.ts';
import { labOpen } from './lab.ts';

const imagePath = process.env['WELKIN_TINY_IMAGE'] ?? '.state/tiny.qcow2';

const networkId = '01930000-0000-7000-a000-000000000001';
const nic = (number: number): NicWanted => ({
  portId: `01930000-0000-7000-a00${number}-00000000000${number}`,
  networkId,
  mac: `fa:16:3e:00:00:0${number}`,
  mtu: 1450,
});
const network: NetworkWanted = {
  id: networkId,
  vni: 7,
  mtu: 1450,
  dnsDomain: 'cloud.example.',
  subnets: [
    {
      id: 's1',
      version: 4,
      cidr: '10.7.0.0/24',
      gateway: null,
      dhcp: true,
      serviceAddress: '10.7.0.2',
      dnsServers: [],
      hostRoutes: [],
      raMode: null,
      addressMode: null,
    },
  ],
  ports: [1, 2].map((number) => ({
    id: nic(number).portId,
    mac: nic(number).mac,
    fixedIps: [{ subnetId: 's1', address: `10.7.0.1${number}` }],
    hostname: `web${number}`,
    location: 'local',
    kind: 'server',
    adminUp: true,
    portSecurity: false,
    allowedPairs: [],
    securityGroupIds: [],
    serverId: null,
    dhcpOptions: [],
  })),
  securityGroups: [],
  fabric: null,
};

const skip = existsSync(imagePath) ? false : `there is no ${imagePath}: welkin image build tiny`;

test(
  'Linux boots, is configured, plugs interfaces, takes a password and shuts down',
  { skip },
  async (t) => {
    const lab = await labOpen(t, { image: readFileSync(imagePath), network: 'linux' });
    await lab.agent.networkPut(network, 'd1');
    const root = { kind: 'image', imageId: lab.imageId } as const;
    const server = {
      ramMib: 128,
      disks: [{ id: 'root', source: root, sizeMib: 256, revision: 1 }],
      nics: [nic(1)],
      configDrive: true,
      guest: { hostname: 'orchard' },
    };
    const { id, power } = await lab.carryOut(server);
    assert.equal(power, 'running');
    const text = await lab.console(/login:/);
    assert.match(text, /address eth0 10\.7\.0\.11/);
    assert.match(text, /source=config-drive/);
    assert.match(text, /hostname=orchard/);
    const names = namesOf('ysrv');
    const ping = (address: string): Promise<string> =>
      commandRun(
        [
          'ip',
          'netns',
          'exec',
          names.networkNamespace(networkId),
          'ping',
          '-c',
          '1',
          '-w',
          '60',
          address,
        ],
        { timeoutMs: 90_000 },
      );
    await ping('10.7.0.11');
    const diagnostics = await lab.agent.serverDiagnostics(id);
    assert.ok((diagnostics.nics[0]?.rxPackets ?? 0) > 0);

    // Survives the agent, and plugs in and out what came meanwhile.
    await lab.kill();
    await lab.start();
    await ping('10.7.0.11');
    const plugged = await lab.carryOut({ ...server, nics: [nic(1), nic(2)] });
    assert.deepEqual([plugged.error, plugged.power], [null, 'running']);
    assert.equal((await lab.agent.serverDiagnostics(id)).nics.length, 2);
    const unplugged = await lab.carryOut({ ...server, nics: [nic(1)] });
    assert.deepEqual([unplugged.error, unplugged.power], [null, 'running']);
    assert.equal((await lab.agent.serverDiagnostics(id)).nics.length, 1);

    await lab.agent.serverPasswordSet(id, 'cirros', 'new-secret');
    const stopped = await lab.carryOut({ ...server, run: { state: 'stopped', graceMs: 100_000 } });
    assert.deepEqual([stopped.power, stopped.ended, stopped.error], ['stopped', null, null]);
    assert.match(
      await lab.agent.serverConsole(id, null),
      /reboot: Power down|going down|Power off/,
    );
    await lab.agent.serverDelete(id);
    await lab.agent.networkDelete(networkId);
    const links = await commandRun(['ip', '-a', 'netns', 'exec', 'ip', '-o', 'link']);
    assert.doesNotMatch(`${links}${await commandRun(['ip', '-o', 'link'])}`, /: t[0-9a-f]{11}/);
  },
);
