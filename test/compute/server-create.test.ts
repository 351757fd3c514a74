import assert from 'node:assert/strict';
import { test } from 'node:test';
import { computeHouse, plainServer, type ServerJson } from '../support/compute.ts';
import { imageId, imageSummary } from '../support/image-port.ts';
import { networkId } from '../support/network-port.ts';

const other = '00000000-0000-4000-8000-00000000dead';
const root = {
  boot_index: 0,
  uuid: imageId,
  source_type: 'image',
  destination_type: 'local',
  delete_on_termination: true,
};

test('what a create takes depends on the version, and what it cannot do is refused', async (t) => {
  await using house = await computeHouse({ settings: { quotas: unlimited } });
  const images = [
    imageSummary({ id: '00000000-0000-4000-8000-000000000001', status: 'queued' }),
    imageSummary({ id: '00000000-0000-4000-8000-000000000002', minDiskGib: 5 }),
    imageSummary({ id: '00000000-0000-4000-8000-000000000003', minRamMib: 4096 }),
    imageSummary({ id: '00000000-0000-4000-8000-000000000004', virtualSizeBytes: 2 ** 40 }),
    imageSummary({ id: '00000000-0000-4000-8000-000000000005', diskFormat: 'iso' }),
  ];
  for (const image of images) house.images.images.set(image.id, image);
  const create = (server: object, version = '2.96') =>
    house.call('POST', '/servers', { version, body: { server: { ...plainServer, ...server } } });
  const none = { networks: undefined };

  for (const [what, server, version, status] of [
    ['no networks at 2.36', none, '2.36', 202],
    ['no networks at 2.37', none, '2.37', 400],
    ['a word for networks at 2.36', { networks: 'none' }, '2.36', 400],
    ['an unknown key', { color: 'red' }, '2.1', 400],
    ['a description at 2.18', { ...none, description: 'd' }, '2.18', 400],
    ['a description at 2.19', { ...none, description: 'd' }, '2.19', 202],
    ['tags at 2.51', { tags: ['a'] }, '2.51', 400],
    ['tags at 2.52', { tags: ['a'] }, '2.52', 202],
    ['files at 2.57', { personality: [] }, '2.57', 400],
    ['no files at 2.56', { personality: [] }, '2.56', 202],
    ['files at 2.1', { ...none, personality: [{ path: '/a', contents: 'YQ==' }] }, '2.1', 400],
    ['a hostname at 2.89', { hostname: 'web' }, '2.89', 400],
    ['a hostname at 2.90', { hostname: 'web' }, '2.90', 202],
    ['a full hostname at 2.93', { hostname: 'web.example.org' }, '2.93', 400],
    ['a full hostname at 2.94', { hostname: 'web.example.org' }, '2.94', 202],
    ['a host at 2.74 by a member', { host: 'host-1' }, '2.74', 403],
    ['a tagged interface at 2.42', { networks: [{ uuid: networkId, tag: 'a' }] }, '2.42', 202],
    ['a tagged interface at 2.41', { networks: [{ uuid: networkId, tag: 'a' }] }, '2.41', 400],
    ['a URL as flavor', { flavorRef: 'http://x/flavors/small' }, '2.96', 202],
    ['no such flavor', { flavorRef: 'none' }, '2.96', 400],
    ['no such image', { imageRef: other }, '2.96', 400],
    ['no image', { imageRef: '' }, '2.96', 400],
    ['an image without bytes', { imageRef: images[0]?.id }, '2.96', 400],
    ['an image for larger disks', { imageRef: images[1]?.id }, '2.96', 400],
    ['an image for more memory', { imageRef: images[2]?.id }, '2.96', 400],
    ['an image larger than the disk', { imageRef: images[3]?.id }, '2.96', 400],
    ['an image of another format', { imageRef: images[4]?.id }, '2.96', 400],
    ['no such key', { key_name: 'none' }, '2.96', 400],
    ['user data that is none', { user_data: 'a' }, '2.96', 400],
    ['user data', { user_data: 'YQ==' }, '2.96', 202],
    ['more than can be', { min_count: 3, max_count: 2 }, '2.96', 400],
    ['one hostname for two', { hostname: 'web', max_count: 2 }, '2.96', 400],
    ['one port for two', { networks: [{ port: other }], max_count: 2 }, '2.96', 400],
    ['the root disk of the image', { block_device_mapping_v2: [root] }, '2.96', 202],
    ['a volume', { block_device_mapping_v2: [{ ...root, source_type: 'volume' }] }, '2.96', 400],
    ['an old volume', { ...none, block_device_mapping: [{ volume_id: other }] }, '2.1', 400],
    ['a certificate', { trusted_image_certificates: ['a'] }, '2.96', 400],
    ['a name of spaces', { name: '  ' }, '2.96', 400],
    ['a name that is too long', { name: 'x'.repeat(256) }, '2.96', 400],
    ['metadata with a bad key', { metadata: { 'a/b': 'c' } }, '2.96', 400],
    ['an address that is none', { accessIPv4: 'x' }, '2.96', 400],
  ] as const) {
    await t.test(`${what}: ${status}`, async () => {
      const answer = await create(server, version);
      assert.equal(answer.status, status, answer.text);
    });
  }
  await house.quiet();
});

const unlimited = {
  instances: -1,
  cores: -1,
  ram: -1,
  metadata_items: 128,
  injected_files: 5,
  injected_file_content_bytes: 10_240,
  injected_file_path_bytes: 255,
  key_pairs: 100,
  server_groups: 10,
  server_group_members: 10,
  fixed_ips: -1,
  floating_ips: -1,
  security_groups: -1,
  security_group_rules: -1,
};

test('the guest is told what the client gave: key, user data, metadata, password, zone', async () => {
  await using house = await computeHouse();
  const key = await house.call('POST', '/os-keypairs', {
    version: '2.2',
    body: { keypair: { name: 'mine', type: 'ssh' } },
  });
  assert.ok([200, 201].includes(key.status), key.text);
  const id = await house.create({
    name: 'My Server_1.2',
    key_name: 'mine',
    user_data: 'aGVsbG8=',
    metadata: { role: 'web' },
    adminPass: 'secret',
    config_drive: true,
    availability_zone: 'nova',
  });
  const server = await house.until(id, ({ status }: ServerJson) => status === 'ACTIVE');
  assert.deepEqual([server.key_name, server.config_drive], ['mine', 'True']);
  assert.equal(server['OS-EXT-SRV-ATTR:hostname'], 'my-server-1-2');
  const wanted = house.agents.get('host-1')?.wanted.get(id);
  const { keys, ...guest } = wanted?.guest ?? { keys: [] };
  assert.equal(keys[0]?.data, key.json.keypair.public_key);
  assert.deepEqual(guest, {
    name: 'My Server_1.2',
    hostname: 'my-server-1-2',
    projectId: 'c'.repeat(32),
    userId: `${'c'.repeat(31)}0`,
    availabilityZone: 'nova',
    launchIndex: 0,
    reservationId: server['OS-EXT-SRV-ATTR:reservation_id'],
    flavorName: 'm1.small',
    imageId,
    metadata: { role: 'web' },
    userData: 'aGVsbG8=',
    adminPass: 'secret',
    deviceTags: [],
    securityGroupNames: ['default'],
    floatingIps: [],
  });
  assert.equal(wanted?.configDrive, true);
  assert.deepEqual(
    wanted?.disks.map(({ id: disk, sizeMib }) => [disk, sizeMib]),
    [['root', 1024]],
  );
});
