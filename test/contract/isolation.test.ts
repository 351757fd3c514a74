/**
 * Two tenants of a running cloud whose networks have the same addresses. In one of them a guest whose owner is hostile
 * and has every right inside; captures are made at the taps of those it attacks.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { cloudUse, tinyEnsure, type Cloud } from '../support/cloud.ts';
import { senderMake, senderRun } from '../support/frame-sender.ts';
import { fencePattern, honestFrame, hostileFrames, isMarked } from '../support/hostile-frames.ts';
import {
  groupMake,
  groupRuleMake,
  guestMake,
  inGuest,
  made,
  tapCapture,
  tenantMake,
  tenantRemove,
  type Tenant,
  type TenantGuest,
} from '../support/tenant.ts';

const directory = mkdtempSync(join(tmpdir(), 'isolation-'));
const everything = [{ ethertype: 'IPv4' }, { ethertype: 'IPv6' }];
const ports = '/network/v2.0/ports';

describe('tenants with the same addresses', () => {
  let cloud: Cloud;
  const tenants: Tenant[] = [];
  /** In one network: the groups of both let everything in, so that only the guard stands between them. */
  let hostile: TenantGuest;
  let neighbour: TenantGuest;
  /** In another tenant's network, at the neighbour's address. */
  let stranger: TenantGuest;

  before(async () => {
    cloud = await cloudUse();
    await tinyEnsure(cloud);
    const key = join(directory, 'key');
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
    for (const name of ['isolation-a', 'isolation-b'])
      tenants.push(await tenantMake(cloud, name, key));
    const [a, b] = tenants;
    assert.ok(a !== undefined && b !== undefined);
    const [ofA, ofB] = [await groupMake(a, everything), await groupMake(b, everything)];
    hostile = await guestMake(a, { name: 'hostile', ip4: '10.0.0.6', groupId: ofA });
    neighbour = await guestMake(a, { name: 'neighbour', ip4: '10.0.0.5', groupId: ofA });
    stranger = await guestMake(b, { name: 'stranger', ip4: '10.0.0.5', groupId: ofB });
    for (const guest of [hostile, neighbour, stranger]) await inGuest(guest, 'true');
    await inGuest(hostile, senderMake);
  });
  after(async () => {
    rmSync(directory, { recursive: true });
    for (const tenant of tenants) await tenantRemove(tenant);
    await cloud?.[Symbol.asyncDispose]();
  });

  /** What comes out for the neighbour and the stranger while the hostile guest sends. */
  async function seen(frames: readonly Buffer[]): Promise<string> {
    const captures = [await tapCapture(neighbour), await tapCapture(stranger)];
    await inGuest(hostile, senderRun([...frames, honestFrame(hostile, neighbour)]));
    await captures[0]?.wrote(fencePattern);
    const texts = await Promise.all(captures.map((capture) => capture.stop()));
    assert.doesNotMatch(texts[1] ?? '', new RegExp(hostile.mac), 'the other network sees nothing');
    return texts.join('\n');
  }

  test('each answers at an address in its own network and is not heard in the other', async () => {
    const captures = [await tapCapture(neighbour), await tapCapture(stranger)];
    assert.match(await inGuest(hostile, 'ping -c 3 10.0.0.5'), /3 packets received/);
    await captures[0]?.wrote(
      new RegExp(`${hostile.mac} > ${neighbour.mac}.*10\\.0\\.0\\.6 > 10\\.0\\.0\\.5`),
    );
    const [, ofStranger = ''] = await Promise.all(captures.map((capture) => capture.stop()));
    assert.doesNotMatch(ofStranger, new RegExp(hostile.mac));
    assert.doesNotMatch(ofStranger, /10\.0\.0\.6 >/);
    assert.match(
      await inGuest(hostile, 'cat /proc/net/arp'),
      new RegExp(`10.0.0.5 .*${neighbour.mac}`),
    );
    assert.equal((await inGuest(stranger, 'hostname')).trim(), 'stranger');
  });

  test('nothing a hostile guest makes up reaches another guest', async () => {
    const frames = hostileFrames(hostile, neighbour);
    if (isMarked(await seen(Object.values(frames)))) {
      const passed: string[] = [];
      for (const [name, frame] of Object.entries(frames))
        if (isMarked(await seen([frame]))) passed.push(name);
      assert.deepEqual(passed, []);
    }
  });

  test('what the attacked guest knows of its network is as it was', async () => {
    const arp = await inGuest(neighbour, 'ping -c 1 10.0.0.1 > /dev/null; cat /proc/net/arp');
    const macs = [...arp.matchAll(/^(\S+) .* ((?:[0-9a-f]{2}:){5}[0-9a-f]{2}) /gm)];
    const owner = new Map(macs.map(([, ip = '', mac = '']) => [ip, mac]));
    assert.notEqual(owner.get('10.0.0.1') ?? hostile.mac, hostile.mac);
    for (const [ip, mac] of owner) assert.ok(mac !== hostile.mac || ip === '10.0.0.6', arp);
    const routes = await inGuest(neighbour, 'ip -6 route show default');
    assert.equal(routes.trim().split('\n').length, 1, routes);
  });

  test("an address that its owner adds inside is nobody's", async () => {
    const capture = await tapCapture(neighbour);
    await inGuest(
      hostile,
      'sudo ip addr add 10.0.0.99/24 dev eth0; ping -c 2 -W 1 -I 10.0.0.99 10.0.0.5; sudo ip addr del 10.0.0.99/24 dev eth0; true',
    );
    await inGuest(hostile, senderRun([honestFrame(hostile, neighbour)]));
    await capture.wrote(fencePattern);
    assert.doesNotMatch(await capture.stop(), /10\.0\.0\.99/);
  });

  test("metadata is the guest's own, whoever it says it is", async () => {
    const url = 'http://169.254.169.254/openstack/latest/meta_data.json';
    const uuid = async (guest: TenantGuest, words = ''): Promise<string> =>
      (JSON.parse(await inGuest(guest, `wget -q -O - ${words} ${url}`)) as { uuid: string }).uuid;
    for (const guest of [hostile, neighbour, stranger])
      assert.equal(await uuid(guest), guest.serverId);
    const forged = [
      `X-Instance-ID: ${stranger.serverId}`,
      `X-Forwarded-For: ${stranger.ip4}`,
      `X-Tenant-ID: ${stranger.tenant.name}`,
    ].map((header) => `--header '${header}'`);
    assert.equal(await uuid(hostile, forged.join(' ')), hostile.serverId);
    const asNeighbour = [
      'sudo ip addr add 10.0.0.5/32 dev eth0',
      'sudo ip route replace 169.254.169.254 dev eth0 src 10.0.0.5',
      `timeout 5 wget -q -O - ${url} || echo nothing`,
      'sudo ip addr del 10.0.0.5/32 dev eth0',
    ];
    assert.match(await inGuest(hostile, asNeighbour.join('; ')), /nothing/);
  });

  test('the captures would show it: without port security a guest sends what it likes', async () => {
    const path = `${ports}/${hostile.portId}`;
    const { port } = (await hostile.tenant.api.insist('GET', path)).json;
    const set = (change: object) => made(hostile.tenant.api, 'PUT', path, { port: change });
    await set({ security_groups: [], port_security_enabled: false });
    const frames = hostileFrames(hostile, neighbour);
    assert.ok(isMarked(await seen([frames['foreign MAC'] ?? Buffer.alloc(0)])));
    await set({ port_security_enabled: true, security_groups: port.security_groups });
    assert.ok(!isMarked(await seen([frames['foreign MAC'] ?? Buffer.alloc(0)])));
  });

  test('IPv6: an address by router advertisement, and a neighbour as far as its group allows', async () => {
    for (const guest of [hostile, neighbour]) {
      const shown = await inGuest(guest, 'ip -6 addr show dev eth0');
      assert.match(shown, new RegExp(`inet6 ${guest.ip6}/64 scope global`));
    }
    const ping = async (): Promise<boolean> =>
      /[1-9] packets received/.test(
        await inGuest(hostile, `ping -6 -c 2 -W 2 ${neighbour.ip6}; true`),
      );
    const { tenant, portId } = neighbour;
    const { port } = (await tenant.api.insist('GET', `${ports}/${portId}`)).json;
    const set = (groups: readonly string[]) =>
      made(tenant.api, 'PUT', `${ports}/${portId}`, { port: { security_groups: groups } });
    assert.equal(await ping(), true);
    const closed = await groupMake(tenant, [{ ethertype: 'IPv4' }]);
    await set([closed]);
    assert.equal(await ping(), false);
    await groupRuleMake(tenant.api, closed, { ethertype: 'IPv6', protocol: 'ipv6-icmp' });
    assert.equal(await ping(), true);
    await set(port.security_groups);
  });
});
