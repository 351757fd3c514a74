import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NetworkWanted } from '../../src/agent/api.ts';
import { configDriveFiles, ec2IdOf, metadataRender } from '../../src/agent/metadata.ts';
import { serverDocument } from './server-documents.ts';

const subnet4: NetworkWanted['subnets'][number] = {
  id: 's4',
  version: 4,
  cidr: '10.0.0.0/20',
  gateway: '10.0.0.1',
  dhcp: true,
  serviceAddress: '10.0.0.2',
  dnsServers: ['9.9.9.9'],
  hostRoutes: [{ destination: '192.168.7.0/24', nexthop: '10.0.0.9' }],
  raMode: null,
  addressMode: null,
};
const subnet6: NetworkWanted['subnets'][number] = {
  ...subnet4,
  id: 's6',
  version: 6,
  cidr: 'fd00:0:0:7::/64',
  gateway: 'fd00:0:0:7::1',
  hostRoutes: [],
  dnsServers: [],
  raMode: 'slaac',
  addressMode: 'slaac',
};
const network = (subnets: NetworkWanted['subnets']): NetworkWanted => ({
  id: 'n1',
  vni: 1,
  mtu: 1450,
  dnsDomain: 'cloud.example.',
  subnets,
  ports: [
    {
      id: '5e0e30bc-0000-7000-8000-000000000001',
      mac: 'fa:16:3e:00:00:01',
      fixedIps: [
        { subnetId: 's4', address: '10.0.0.7' },
        { subnetId: 's6', address: 'fd00:0:0:7::7' },
      ],
      hostname: 'web',
      location: 'local',
      kind: 'server',
      adminUp: true,
      portSecurity: true,
      allowedPairs: [],
      securityGroupIds: [],
      serverId: serverDocument().id,
      dhcpOptions: [],
    },
  ],
  securityGroups: [],
  fabric: null,
});
const server = serverDocument({
  nics: [
    {
      portId: '5e0e30bc-0000-7000-8000-000000000001',
      networkId: 'n1',
      mac: 'fa:16:3e:00:00:01',
      mtu: 1450,
    },
  ],
  guest: {
    keys: [{ name: 'mine', type: 'ssh', data: 'ssh-ed25519 AAAA me' }],
    metadata: { role: 'web' },
    userData: Buffer.from('#!/bin/sh\n\xff', 'latin1').toString('base64'),
    adminPass: 'secret',
    imageId: '01900000-0000-7000-8000-0000000000aa',
    floatingIps: [{ fixedAddress: '10.0.0.7', address: '172.24.4.9' }],
    deviceTags: [{ portId: '5e0e30bc-0000-7000-8000-000000000001', tag: 'front' }],
    securityGroupNames: ['default', 'web'],
  },
});

const read = (tree: ReadonlyMap<string, string | Uint8Array>, path: string): string => {
  const body = tree.get(path);
  assert.ok(body !== undefined, `nothing at ${path}`);
  return Buffer.from(body).toString('utf8');
};
const json = (
  tree: ReadonlyMap<string, string | Uint8Array>,
  path: string,
): Record<string, unknown> => JSON.parse(read(tree, path)) as Record<string, unknown>;

test('every name in a list of the tree leads to a body or to a list', () => {
  const tree = metadataRender(server, [network([subnet4])]);
  const walk = (path: string): number => {
    const body = tree.get(path);
    assert.ok(body !== undefined, `nothing at ${path}`);
    const isList =
      path === '' ||
      /^\/[^/]+$|^\/openstack\/[^/]+$|meta-data$|placement$|mapping$|keys(\/\d)?$/.test(path);
    if (!isList) return 1;
    const names = read(tree, path)
      .split('\n')
      .map((name) => name.replace(/\/$|=.*$/, ''));
    return names.reduce((sum, name) => sum + walk(`${path}/${name}`), 1);
  };
  assert.ok(walk('') + walk('/openstack') > 200);
});

test('meta_data.json tells who the guest is, and what its version knows', () => {
  const tree = metadataRender(server, [network([subnet4])]);
  const { random_seed: seed, ...latest } = json(tree, '/openstack/latest/meta_data.json');
  assert.equal(Buffer.from(String(seed), 'base64').length, 512);
  assert.deepEqual(latest, {
    uuid: server.id,
    name: 'web',
    hostname: 'web.cloud.example',
    launch_index: 0,
    availability_zone: 'nova',
    meta: { role: 'web' },
    public_keys: { mine: 'ssh-ed25519 AAAA me' },
    keys: [{ name: 'mine', type: 'ssh', data: 'ssh-ed25519 AAAA me' }],
    project_id: 'p'.repeat(32),
    devices: [
      { type: 'nic', mac: 'fa:16:3e:00:00:01', bus: 'pci', address: 'none', tags: ['front'] },
    ],
    dedicated_cpus: [],
  });
  const first = json(tree, '/openstack/2012-08-10/meta_data.json');
  assert.deepEqual(
    Object.keys(first).toSorted().join(),
    'availability_zone,hostname,keys,launch_index,meta,name,public_keys,uuid',
  );
  assert.equal(tree.has('/openstack/2013-10-17/network_data.json'), false);
  assert.equal(read(tree, '/openstack/2012-08-10'), 'meta_data.json\nuser_data');
});

test('user data come out as the bytes that went in, and nothing is there without', () => {
  const tree = metadataRender(server, []);
  const bytes = Buffer.from('#!/bin/sh\n\xff', 'latin1');
  assert.deepEqual(Buffer.from(tree.get('/openstack/latest/user_data') ?? ''), bytes);
  assert.deepEqual(Buffer.from(tree.get('/latest/user-data') ?? ''), bytes);
  const without = metadataRender(serverDocument(), []);
  assert.equal(without.has('/openstack/latest/user_data'), false);
  assert.equal(without.has('/latest/user-data'), false);
  assert.equal(read(without, '/latest'), 'meta-data/');
});

test('the EC2 tree has the addresses, the key and the groups', () => {
  const tree = metadataRender(server, [network([subnet4])]);
  const at = (name: string): string => read(tree, `/latest/meta-data/${name}`);
  assert.equal(at('local-ipv4'), '10.0.0.7');
  assert.equal(at('public-ipv4'), '172.24.4.9');
  assert.equal(at('public-keys'), '0=mine');
  assert.equal(at('public-keys/0/openssh-key'), 'ssh-ed25519 AAAA me');
  assert.equal(at('security-groups'), 'default\nweb');
  assert.equal(at('placement/availability-zone'), 'nova');
  assert.equal(at('instance-id'), ec2IdOf('i', server.id));
  assert.match(at('instance-id'), /^i-[0-9a-f]{17}$/);
});

test('network_data.json describes each fixed address as the guest gets it', () => {
  const staticSubnet = { ...subnet4, dhcp: false };
  const tree = metadataRender(server, [network([staticSubnet, subnet6])]);
  const data = json(tree, '/openstack/latest/network_data.json');
  assert.deepEqual(data['networks'], [
    {
      id: 'network0',
      link: 'tap5e0e30bc-00',
      network_id: 'n1',
      type: 'ipv4',
      ip_address: '10.0.0.7',
      netmask: '255.255.240.0',
      routes: [
        { network: '0.0.0.0', netmask: '0.0.0.0', gateway: '10.0.0.1' },
        { network: '192.168.7.0', netmask: '255.255.255.0', gateway: '10.0.0.9' },
      ],
      services: [{ type: 'dns', address: '9.9.9.9' }],
    },
    {
      id: 'network1',
      link: 'tap5e0e30bc-00',
      network_id: 'n1',
      type: 'ipv6_slaac',
      ip_address: 'fd00:0:0:7::7',
      netmask: 'ffff:ffff:ffff:ffff::',
      routes: [{ network: '::', netmask: '::', gateway: 'fd00:0:0:7::1' }],
      services: [],
    },
  ]);
  const dynamic = metadataRender(server, [network([subnet4])]);
  const [first] = json(dynamic, '/openstack/latest/network_data.json')['networks'] as unknown[];
  assert.deepEqual(first, {
    id: 'network0',
    link: 'tap5e0e30bc-00',
    network_id: 'n1',
    type: 'ipv4_dhcp',
  });
});

test('the password of the administrator is on the config drive and nowhere else', () => {
  const drive = configDriveFiles(server, [network([subnet4])]);
  assert.match(read(drive, 'openstack/latest/meta_data.json'), /"admin_pass":"secret"/);
  for (const [path, body] of metadataRender(server, [])) {
    assert.doesNotMatch(Buffer.from(body).toString('utf8'), /secret/, path);
  }
});

test('a config drive holds both layouts as files', () => {
  const drive = configDriveFiles(server, [network([subnet4])]);
  assert.equal(json(drive, 'ec2/latest/meta-data.json')['local-ipv4'], '10.0.0.7');
  assert.ok(drive.has('openstack/2018-08-27/network_data.json'));
  assert.ok(drive.has('openstack/latest/user_data'));
  assert.equal(
    [...drive.keys()].some((path) => path.split('/').length !== 3),
    false,
  );
});
