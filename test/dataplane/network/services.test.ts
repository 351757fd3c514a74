import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { groupOf, labOpen, networkOf, portOf, serverOf, subnetOf } from './lab.ts';

test('a guest gets its lease with every option from the network it is in', async (t) => {
  const lab = await labOpen(t);
  const subnet = subnetOf('10.0.0.0/24', {
    hostRoutes: [{ destination: '192.168.7.0/24', nexthop: '10.0.0.9' }],
  });
  const group = groupOf([]);
  const port = portOf([[subnet, '10.0.0.5']], {
    hostname: 'alpha',
    securityGroupIds: [group.id],
    dhcpOptions: [
      { name: 'ntp-server', value: '10.0.0.123', version: 4 },
      { name: '100', value: 'UTC', version: 4 },
      { name: 'bootfile-name', value: 'pxelinux.0', version: 4 },
    ],
  });
  const network = networkOf({
    subnets: [subnet],
    ports: [port],
    securityGroups: [group],
    mtu: 1442,
  });
  await lab.put(network);
  const guest = await lab.guest(network, port, { bare: true });
  const script = join(lab.stateDir, 'lease');
  await writeFile(script, '#!/bin/sh\n[ "$1" != bound ] || env\n', { mode: 0o755 });
  const lease = await guest.run(
    ...`busybox udhcpc -i eth0 -n -q -f -t 20 -T 1 -s ${script}`.split(' '),
    ...['staticroutes', 'mtu', 'ntpsrv', 'broadcast', '100'].flatMap((name) => ['-O', name]),
  );
  const facts = Object.fromEntries(
    lease.split('\n').map((line): [string, string] => {
      const [name = '', ...value] = line.split('=');
      return [name, value.join('=')];
    }),
  );
  assert.equal(facts['ip'], '10.0.0.5');
  assert.equal(facts['subnet'], '255.255.255.0');
  assert.equal(facts['router'], '10.0.0.1');
  assert.equal(facts['dns'], '10.0.0.2');
  assert.equal(facts['hostname'], 'alpha');
  assert.equal(facts['domain'], 'cloud.test');
  assert.equal(facts['mtu'], '1442');
  assert.equal(facts['broadcast'], '10.0.0.255');
  assert.equal(facts['lease'], '86400');
  assert.equal(facts['serverid'], '10.0.0.2');
  assert.equal(facts['ntpsrv'], '10.0.0.123');
  assert.equal(facts['boot_file'], 'pxelinux.0');
  assert.equal(
    facts['staticroutes'],
    '192.168.7.0/24 10.0.0.9 169.254.169.254/32 10.0.0.2 0.0.0.0/0 10.0.0.1',
  );
});

test('two networks with the same addresses have leases, names and metadata of their own', async (t) => {
  const lab = await labOpen(t);
  const tenants = await Promise.all(
    ['alpha', 'beta'].map(async (name) => {
      const subnet = subnetOf('10.0.0.0/24');
      const group = groupOf([]);
      const bare = portOf([[subnet, '10.0.0.5']], { hostname: name, securityGroupIds: [group.id] });
      const server = serverOf(name, [bare], '');
      lab.servers.set(server.id, server);
      const port = { ...bare, serverId: server.id };
      const network = networkOf({ subnets: [subnet], ports: [port], securityGroups: [group] });
      await lab.put(network);
      return { name, network, guest: await lab.guest(network, port) };
    }),
  );
  for (const { name, guest } of tenants) {
    const curl = ['curl', '-sS', '-m', '20', '-w', ' %{http_code}'];
    const base = 'http://169.254.169.254';
    assert.equal(
      await guest.run(...curl, `${base}/openstack/latest/meta_data.json`),
      `{"name":"${name}"} 200`,
    );
    assert.equal(await guest.run(...curl, `${base}/latest/meta-data/hostname/`), `${name} 200`);
    assert.equal(await guest.run(...curl, `${base}/`), 'latest 200');
    assert.equal(await guest.run(...curl, `${base}/nothing`), 'Not Found\n 404');
    const box = `${base}/openstack/latest/password`;
    const leave = (text: string) => guest.run(...curl, '-d', text, box);
    assert.equal(await guest.run(...curl, box), ' 200');
    assert.equal(await leave('x'.repeat(1021)), 'This is no password.\n 400');
    assert.equal(await leave(`of ${name}`), ' 200');
    assert.equal(await leave('another'), 'There is a password already.\n 409');
    assert.equal(await guest.run(...curl, box), `of ${name} 200`);
    assert.equal(
      await guest.run(...curl, '-X', 'DELETE', box),
      'GET and POST only are supported.\n 400',
    );
    const answer = await guest.run('busybox', 'nslookup', `${name}.cloud.test`, '10.0.0.2');
    assert.match(answer, /Address: 10\.0\.0\.5/);
    const reverse = await guest.run('busybox', 'nslookup', '10.0.0.5', '10.0.0.2');
    assert.match(reverse, new RegExp(`name = ${name}\\.cloud\\.test`));
  }
  const [first] = tenants;
  assert.equal(
    await first?.guest.succeeds('busybox', 'nslookup', 'beta.cloud.test', '10.0.0.2'),
    false,
  );
});
