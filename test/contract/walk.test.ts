/** The walk: what a newcomer does on the first day, by the stock client, as a member without any admin right. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { cloudUse, ssh, tinyEnsure, until, type Cloud } from '../support/cloud.ts';

let cloud: Cloud;
const dir = mkdtempSync(join(tmpdir(), 'welkin-walk-'));
const key = join(dir, 'key');

before(async () => {
  cloud = await cloudUse();
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
  await tinyEnsure(cloud);
});
after(async () => {
  rmSync(dir, { recursive: true });
  await cloud?.[Symbol.asyncDispose]();
});

for (const as of ['welkin', 'welkin-demo']) {
  test(`${as}: image, network, router, group, key, server, floating IP, SSH, snapshot, delete`, async (t) => {
    const openstack = (...words: string[]) => cloud.openstack(as, ...words);
    const json = (...words: string[]) => cloud.openstack(as, ...words, '-f', 'json');
    const name = (what: string): string => `walk-${what}`;
    const serverIs = (server: string, status: string) =>
      until(`${server} to be ${status}`, async () => {
        const shown = await json('server', 'show', server);
        assert.notEqual(shown.status, 'ERROR', JSON.stringify(shown.fault));
        return shown.status === status && shown['OS-EXT-STS:task_state'] === null && shown;
      });
    const image = 'tiny';

    await t.test('network, subnet and router', async () => {
      await openstack('network', 'create', name('net'));
      await openstack(
        'subnet',
        'create',
        '--network',
        name('net'),
        '--subnet-range',
        '10.7.0.0/24',
        name('subnet'),
      );
      await openstack('router', 'create', name('router'));
      await openstack('router', 'set', '--external-gateway', 'public', name('router'));
      await openstack('router', 'add', 'subnet', name('router'), name('subnet'));
    });
    await t.test('security group and key pair', async () => {
      await openstack('security', 'group', 'create', name('group'));
      await openstack(
        'security',
        'group',
        'rule',
        'create',
        '--protocol',
        'tcp',
        '--dst-port',
        '22',
        name('group'),
      );
      await openstack('security', 'group', 'rule', 'create', '--protocol', 'icmp', name('group'));
      await openstack('keypair', 'create', '--public-key', `${key}.pub`, name('key'));
    });
    const create = (server: string, from: string): Promise<unknown> =>
      openstack(
        ...['server', 'create', '--image', from, '--flavor', 'm1.nano', '--network', name('net')],
        ...['--security-group', name('group'), '--key-name', name('key'), server],
      );
    const floatingIp = async (server: string): Promise<string> => {
      const made = await json('floating', 'ip', 'create', 'public');
      await openstack('server', 'add', 'floating', 'ip', server, made.floating_ip_address);
      return made.floating_ip_address;
    };
    let address = '';
    await t.test('a server becomes active and lets its owner in by SSH', async () => {
      await create(name('server'), image);
      await serverIs(name('server'), 'ACTIVE');
      address = await floatingIp(name('server'));
      assert.match(await ssh(address, key, 'hostname'), /^walk-server/);
      await ssh(address, key, 'echo kept > mark && sync');
    });
    await t.test('its console tells of the boot', async () => {
      const log = await openstack('console', 'log', 'show', name('server'));
      assert.match(log, /login:/);
    });
    await t.test('it comes back from a reboot with its disk', async () => {
      await openstack('server', 'reboot', '--hard', '--wait', name('server'));
      await serverIs(name('server'), 'ACTIVE');
      assert.equal(await ssh(address, key, 'cat mark'), 'kept\n');
    });
    await t.test('a snapshot of it boots and has what was written', async () => {
      await openstack(
        'server',
        'image',
        'create',
        '--name',
        name('image'),
        '--wait',
        name('server'),
      );
      await create(name('second'), name('image'));
      await serverIs(name('second'), 'ACTIVE');
      const second = await floatingIp(name('second'));
      assert.equal(await ssh(second, key, 'cat mark'), 'kept\n');
    });
    await t.test('everything can be deleted', async () => {
      await openstack('server', 'delete', '--wait', name('server'), name('second'));
      for (const { ID } of await json('floating', 'ip', 'list')) {
        await openstack('floating', 'ip', 'delete', ID);
      }
      await openstack('router', 'remove', 'subnet', name('router'), name('subnet'));
      await openstack('router', 'delete', name('router'));
      await openstack('network', 'delete', name('net'));
      await openstack('security', 'group', 'delete', name('group'));
      await openstack('keypair', 'delete', name('key'));
      await openstack('image', 'delete', name('image'));
      const left = await json('server', 'list');
      assert.deepEqual(
        left.filter((server: { Name: string }) => server.Name.startsWith('walk-')),
        [],
      );
    });
  });
}
