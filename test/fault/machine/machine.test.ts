/** What the machine does to a cloud: a power cut, a guest's process that dies, a disk that is full. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { guestPids } from '../../../src/boot/proc.ts';
import { apiClient, type ApiClient } from '../../support/client.ts';
import { cloudStart, until, type Cloud } from '../../support/cloud.ts';
import { machineBoot, type Machine } from '../../support/machine.ts';
import { made } from '../../support/tenant.ts';
import { tinyUpload } from '../../support/tiny-image.ts';

const servers = '/compute/v2.1/servers';
const network = '/network/v2.0';

describe('a machine with a cloud', () => {
  let machine: Machine;
  let cloud: Cloud;
  let api: ApiClient;
  let imageId = '';
  let networkId = '';
  const stateDir = mkdtempSync(join(tmpdir(), 'machine-'));
  const serversDir = join(stateDir, 'agent', 'servers');
  /** In a file, because a power cut takes no disk. */
  const disk = `${stateDir}.disk`;

  before(async () => {
    chmodSync(stateDir, 0o711);
    mkdirSync(serversDir, { recursive: true, mode: 0o711 });
    machine = await machineBoot({
      mounts: `[ -e ${disk} ] || { truncate -s 64M ${disk}; mkfs.ext4 -q -m 0 ${disk}; }
        mount -o loop ${disk} ${serversDir}; chmod 711 ${serversDir}; rm -rf ${serversDir}/lost+found`,
    });
    cloud = await cloudStart(stateDir, machine.within);
    api = await apiClient(cloud);
    imageId = await tinyUpload(api);
    const { json } = await api.insist('GET', `${network}/networks?name=private`);
    networkId = json.networks[0].id;
  });
  after(async () => {
    await machine?.[Symbol.asyncDispose]();
    for (const path of [stateDir, disk]) rmSync(path, { recursive: true, force: true });
  });

  async function serverCreate(name: string): Promise<string> {
    const wanted = { name, imageRef: imageId, flavorRef: '42', networks: [{ uuid: networkId }] };
    return (await made(api, 'POST', servers, { server: wanted })).server.id;
  }
  const serverShow = async (id: string) =>
    (await api.insist('GET', `${servers}/${id}`)).json.server;
  const serverIs = (id: string, status: string) =>
    until(`server ${id} to be ${status}`, async () => {
      const server = await serverShow(id);
      return server.status === status && server['OS-EXT-STS:task_state'] === null && server;
    });
  const consoleSays = (id: string, pattern: RegExp) =>
    until(`the console of ${id} to say ${pattern.source}`, async () => {
      const body = { 'os-getConsoleOutput': {} };
      const answer = await api.insist('POST', `${servers}/${id}/action`, body);
      return answer.status === 200 && pattern.test(answer.json.output);
    });
  const serverDelete = async (id: string): Promise<void> => {
    await api.insist('DELETE', `${servers}/${id}`);
    await until(
      'the server to be gone',
      async () => (await api.insist('GET', `${servers}/${id}`)).status === 404,
    );
  };

  test('a power cut: up starts again what ran, with its disk and its network, and nothing else', async () => {
    const [ran, stopped] = [await serverCreate('ran'), await serverCreate('stopped')];
    await serverIs(ran, 'ACTIVE');
    await serverIs(stopped, 'ACTIVE');
    await made(api, 'POST', `${servers}/${stopped}/action`, { 'os-stop': null });
    await serverIs(stopped, 'SHUTOFF');
    await consoleSays(ran, /login:/);
    const { ports } = (await api.insist('GET', `${network}/ports?device_id=${ran}`)).json;
    const { networks } = (await api.insist('GET', `${network}/networks?name=public`)).json;
    const { floatingip } = await made(api, 'POST', `${network}/floatingips`, {
      floatingip: { floating_network_id: networks[0].id, port_id: ports[0].id },
    });
    const { security_groups: groups } = ports[0];
    await made(api, 'POST', `${network}/security-group-rules`, {
      security_group_rule: { security_group_id: groups[0], direction: 'ingress', protocol: 'icmp' },
    });
    const answers = (): boolean =>
      spawnSync('ping', ['-c', '1', '-W', '5', floatingip.floating_ip_address]).status === 0;
    await until('the guest to answer', async () => answers());

    await machine.powerCut();
    assert.deepEqual(guestPids(cloud.stateDir), []);
    assert.equal(answers(), false);
    await machine.boot();
    await cloud.welkin('up');

    await serverIs(ran, 'ACTIVE');
    await until('the guest to answer', async () => answers());
    assert.equal(guestPids(cloud.stateDir).length, 1);
    assert.equal((await serverShow(stopped)).status, 'SHUTOFF');
    await made(api, 'POST', `${servers}/${stopped}/action`, { 'os-start': null });
    await serverIs(stopped, 'ACTIVE');
    for (const id of [ran, stopped]) await serverDelete(id);
  });

  test('a guest whose process dies is shown as shut off at once, and starts again when asked to', async (t) => {
    const id = await serverCreate('dies');
    await serverIs(id, 'ACTIVE');
    const [pid] = guestPids(cloud.stateDir);
    assert.ok(pid !== undefined);
    process.kill(pid, 'SIGKILL');
    const killedAt = performance.now();
    const powerStateCrashed = 6;
    for (;;) {
      const server = await serverShow(id);
      if (server.status === 'SHUTOFF') {
        assert.equal(server['OS-EXT-STS:power_state'], powerStateCrashed);
        break;
      }
      assert.equal(server.status, 'ACTIVE');
      assert.ok(performance.now() - killedAt < 60_000, 'nobody notices');
      await new Promise((done) => setTimeout(done, 10));
    }
    t.diagnostic(`noticed after ${Math.round(performance.now() - killedAt)} ms`);
    await made(api, 'POST', `${servers}/${id}/action`, { 'os-start': null });
    await serverIs(id, 'ACTIVE');
    await consoleSays(id, /login:/);
    await serverDelete(id);
  });

  test('a full disk fails a create with its reason and leaves nothing; with room again the next one runs', async () => {
    const filler = join(serversDir, 'filler');
    machine.run('sh', '-c', `cat /dev/zero > ${filler} 2> /dev/null || true`);
    const failed = await serverCreate('full');
    const { fault } = await serverIs(failed, 'ERROR');
    assert.match(fault.message, /disk of the host is full/);
    assert.deepEqual(guestPids(cloud.stateDir), []);
    await serverDelete(failed);
    assert.equal(machine.run('ls', '-A', serversDir), 'filler\n');
    const { json } = await api.insist('GET', '/compute/v2.1/os-hypervisors/detail');
    assert.equal(json.hypervisors[0].vcpus_used, 0);
    machine.run('rm', filler);
    const next = await serverCreate('fits');
    await serverIs(next, 'ACTIVE');
    await consoleSays(next, /login:/);
    await serverDelete(next);
  });
});
