/** The image boots as a cloud boots it, and keeps what its documentation promises. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { before, test } from 'node:test';
import { until } from '../../support/cloud.ts';
import { tinyImage } from '../../support/tiny-image.ts';
import { folderMake, keyMake, machineStart } from './machine.ts';

let imagePath = '';
before(async () => {
  imagePath = await tinyImage();
});

const uuid = '0199aaaa-0000-7000-8000-000000000001';

test('a server with a config drive becomes what its metadata says', async (t) => {
  const folder = await folderMake(t);
  const [rsa, ed25519, ecdsa, stranger] = await Promise.all([
    keyMake(folder, 'rsa', 'rsa'),
    keyMake(folder, 'ed25519', 'ed25519'),
    keyMake(folder, 'ecdsa', 'ecdsa'),
    keyMake(folder, 'stranger', 'ed25519'),
  ]);
  const password = 'q"uote \\ and space';
  const machine = await machineStart(t, folder, {
    imagePath,
    configDrive: {
      'openstack/latest/meta_data.json': JSON.stringify({
        uuid,
        admin_pass: password,
        hostname: 'vm-one.cloud.example',
        meta: { hostname: 'of-the-user', uuid: 'of-the-user' },
        public_keys: {
          one: rsa.publicKey,
          two: ed25519.publicKey,
          'number three': ecdsa.publicKey,
        },
      }),
      'openstack/latest/user_data': '#!/bin/sh\necho said by user data\nid -u >>/user-data-ran\n',
    },
  });
  await machine.consoleShows(/guest: ready after [\d.]+ s: vm-one\r/);
  await machine.consoleShows(/vm-one login: /);
  const login = { keyPath: rsa.path };
  // As Tempest's client begins every command.
  const guest = (command: string): Promise<string> =>
    machine.ssh(login, `set -eu -o pipefail; PATH=$PATH:/sbin; ${command}`);

  await t.test('keys of every usual type are let in, others are not', async () => {
    for (const { path } of [rsa, ed25519, ecdsa])
      assert.equal(await machine.ssh({ keyPath: path }, 'hostname'), 'vm-one\n');
    const refused = await machine.sshOnce({ keyPath: stranger.path }, 'hostname');
    assert.equal(refused.code, 255);
    assert.match(refused.stderr, /Permission denied/);
  });

  await t.test('the password of the server is let in, the one of the image is not', async () => {
    assert.equal(await machine.ssh({ password }, 'whoami'), 'cirros\n');
    assert.equal((await machine.sshOnce({ password: 'gocubsgo' }, 'whoami')).code, 255);
  });

  await t.test('user data runs as root, and its output is on the console', async () => {
    await machine.consoleShows(/said by user data\r/);
    await machine.consoleShows(/guest: user data ran/);
    assert.equal(await guest('cat /user-data-ran'), '0\n');
  });

  await t.test('sudo needs no password, and nothing else makes a user root', async () => {
    assert.equal(await guest('sudo id -u'), '0\n');
    assert.equal(await guest('sudo -u cirros id -un'), 'cirros\n');
    assert.equal(await guest('sudo sh -c "echo \\"a  b\\" | wc -c"'), '5\n');
    const shadow = await machine.sshOnce(login, 'cat /etc/shadow');
    assert.match(shadow.stderr, /Permission denied/);
    for (const file of ['busybox-net', 'busybox-sudo']) {
      // A setuid busybox is one only for applets that need it.
      const trick = `ln -sf /usr/lib/guest/${file} /tmp/cat && /tmp/cat /etc/shadow`;
      assert.match((await machine.sshOnce(login, trick)).stderr, /Permission denied/);
    }
    const nobody = `sudo -u nobody /bin/su -s /bin/sh -c id root`;
    assert.match((await machine.sshOnce(login, nobody)).stderr, /Permission denied/);
  });

  await t.test('the root file system fills the disk of the flavor', async () => {
    const blocks = await guest("df -k / | awk 'NR == 2 { print $2 }'");
    assert.ok(Number(blocks) > 900_000, blocks);
    assert.equal(await guest('test -e /.grow || echo done'), 'done\n');
  });

  await t.test('what test suites run over ssh works', async () => {
    const disks = await guest('lsblk -lb --nodeps');
    const [header = '', ...rows] = disks.trimEnd().split('\n');
    const column = header.indexOf('TYPE');
    assert.deepEqual(
      rows.map((row) => row.slice(column, column + 4)),
      ['disk', 'disk'],
    );
    assert.match(rows[0] ?? '', /^vda .* 1073741824 /);
    assert.match(await guest('sudo lsblk --fs --ascii'), /vda2\s+ext4\s+welkin-root/);
    const drive = (await guest('blkid -L config-2 -o device')).trim();
    assert.equal(drive, '/dev/vdb');
    await guest(`sudo mount ${drive} /mnt`);
    assert.match(await guest('sudo cat /mnt/openstack/latest/meta_data.json'), /"uuid"/);
    await guest('sudo umount /mnt');
    assert.match(await guest('cut -f1 -d. /proc/uptime'), /^\d+\n$/);
    assert.equal(await guest('grep -c ^processor /proc/cpuinfo'), '1\n');
    assert.equal(await guest('grep -c -E [vs]d.$ /proc/partitions'), '2\n');
    const nic = await guest("ip -o addr | awk '/10.0.2.15/ {print $2}'");
    assert.match(nic, /^eth0/);
    assert.match(await guest("ip addr show eth0 | awk '/ether/ {print $2}'"), /^52:54:00:/);
    assert.match(await guest('cat /etc/resolv.conf'), /^nameserver 10\.0\.2\.3$/m);
    await guest('ping -c1 -w5 -s56 10.0.2.2');
    await guest('sudo ping -I eth0 -c1 -w5 -s56 10.0.2.2');
    // QEMU's network advertises this prefix.
    await until('an IPv6 address', async () => /inet6 fec0:/.test(await guest('ip a')));
    await guest('ping6 -c1 -w5 -s56 ::1');
    await guest('sudo /bin/kill -USR1 $(cat /var/run/udhcpc.eth0.pid)');
    await guest('sudo sh -c "echo \\"written by a test\\" >/dev/console"');
    await machine.consoleShows(/written by a test/);
    assert.match(await guest('curl -V'), /curl/);
    await guest('sudo arping -c 1 -I eth0 10.0.2.2');
    await guest(
      'command -v nslookup wget traceroute telnet; df -h; uptime; route -n; sync; free; ip -o link',
    );
    assert.equal(await guest('readlink -f /dev/disk/by-id/virtio-root-disk'), '/dev/vda\n');
  });

  await t.test('nc serves one client after the other, by TCP and UDP', async () => {
    await guest('sudo nc -p 80 -lk -e echo foolish >/dev/null 2>&1 &');
    await guest('sudo nc -u -p 81 -lk -e echo foolish >/dev/null 2>&1 &');
    for (const options of ['127.0.0.1 80', '127.0.0.1 80', '-u 127.0.0.1 81']) {
      const answer = async (): Promise<boolean> => {
        const outcome = await machine.sshOnce(login, `echo bar | nc -w 1 ${options}`);
        return outcome.stdout === 'foolish\n';
      };
      await until(`an answer by nc ${options}`, answer);
    }
  });

  await t.test('the guest agent answers', async () => {
    assert.deepEqual(await machine.agent('guest-ping'), {});
    assert.deepEqual(await machine.agent('guest-get-host-name'), { 'host-name': 'vm-one' });
    const changed = { username: 'cirros', password: Buffer.from('new one').toString('base64') };
    await machine.agent('guest-set-user-password', { ...changed, crypted: false });
    assert.equal(await machine.ssh({ password: 'new one' }, 'whoami'), 'cirros\n');
    await machine.agent('guest-set-time', { time: 2_000_000_000_000_000_000 });
    assert.match(await guest('date -u +%Y'), /^2033\n$/);
    assert.equal(await machine.agent('guest-fsfreeze-freeze'), 1);
    assert.equal(await machine.agent('guest-fsfreeze-status'), 'frozen');
    assert.equal(await machine.agent('guest-fsfreeze-thaw'), 1);
    await guest('echo written >/tmp/after-thaw');
    await assert.rejects(machine.agent('guest-exec', { path: 'id' }), /CommandNotFound/);
  });

  await t.test('a NIC plugged into the running guest gets its address, and can go', async () => {
    await machine.qmp('netdev_add', { type: 'user', id: 'n1', net: '10.9.0.0/24' });
    const device = { driver: 'virtio-net-pci', id: 'nic1', netdev: 'n1', bus: 'rp4' };
    await machine.qmp('device_add', device);
    await until('an address of eth1', async () => /10\.9\.0\.15/.test(await guest('ip a')));
    assert.match(await guest('ip route'), /^default via 10\.0\.2\.2 dev eth0 .*100/m);
    assert.match(await guest('ip route'), /^default via 10\.9\.0\.2 dev eth1 .*101/m);
    await machine.qmp('device_del', { id: 'nic1' });
    await until('eth1 to go', async () => !(await guest('ip -o link')).includes('eth1'));
    await until('its DHCP client to go', async () => !(await guest('ps')).includes('-i eth1'));
  });

  await t.test('files outlive a reboot, and user data runs once', async () => {
    await guest('echo kept >kept; sudo mke2fs -q -t ext4 -F /tmp/disk 4096 && sync');
    await guest('(sleep 1; sudo reboot) >/dev/null 2>&1 &');
    await machine.consoleShows(/guest: ready after/, 2);
    assert.equal(await guest('cat kept'), 'kept\n');
    assert.equal(await guest('cat /user-data-ran; hostname'), '0\nvm-one\n');
    assert.equal(await machine.ssh({ password: 'new one' }, 'whoami'), 'cirros\n');
  });

  await t.test('the power button ends the guest', async () => {
    await machine.qmp('system_powerdown');
    const [code] = (await once(machine.process, 'exit')) as [number];
    assert.equal(code, 0);
    assert.match(machine.console(), /guest: going down/);
  });
});

test('a server without config drive asks the metadata service until it answers', async (t) => {
  const folder = await folderMake(t);
  const key = await keyMake(folder, 'rsa', 'rsa');
  const asked: string[] = [];
  const documents: Record<string, string> = {
    '/openstack/latest/meta_data.json': JSON.stringify({
      uuid,
      hostname: 'late',
      public_keys: { k: key.publicKey },
    }),
    '/openstack/latest/user_data': '#!/bin/sh\necho late but run\n',
    '/latest/meta-data/public-ipv4': '172.24.4.7',
  };
  const silentRequests = 40;
  const machine = await machineStart(t, folder, {
    imagePath,
    service(path) {
      asked.push(path);
      return asked.length > silentRequests ? (documents[path] ?? null) : null;
    },
  });
  await machine.consoleShows(/guest: no metadata yet, asking on/);
  await machine.consoleShows(/guest: metadata source=openstack .*hostname=late/);
  await machine.consoleShows(/late but run/);
  const login = { keyPath: key.path };
  assert.equal(await machine.ssh(login, 'hostname'), 'late\n');
  const url = 'http://169.254.169.254/latest/meta-data/public-ipv4';
  assert.equal(await machine.ssh(login, `curl ${url}`), '172.24.4.7');
  assert.equal((await machine.sshOnce(login, `curl ${url}/nothing`)).code, 1);
});

test('a cloud that speaks only the EC2 layout is enough', async (t) => {
  const folder = await folderMake(t);
  const key = await keyMake(folder, 'rsa', 'rsa');
  const documents: Record<string, string> = {
    '/latest/meta-data/instance-id': 'i-00000001',
    '/latest/meta-data/hostname': 'amazing.internal',
    '/latest/meta-data/public-keys/0/openssh-key': key.publicKey,
    '/latest/user-data': '#!/bin/sh\necho run by ec2\n',
  };
  const service = (path: string): string | null => documents[path] ?? null;
  const machine = await machineStart(t, folder, { imagePath, service });
  await machine.consoleShows(/guest: metadata source=ec2 instance=i-00000001 hostname=amazing/);
  await machine.consoleShows(/run by ec2/);
  assert.equal(await machine.ssh({ keyPath: key.path }, 'hostname'), 'amazing\n');
});
