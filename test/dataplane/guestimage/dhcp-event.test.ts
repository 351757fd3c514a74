/** What the guest makes of a DHCP lease, tried with the host's shell and `ip` in the namespaces of the suite. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const execute = promisify(execFile);
const script = fileURLToPath(new URL('../../../src/guestimage/files/dhcp-event', import.meta.url));
// It writes to /run and changes routes: only where both are the suite's own.
const skip =
  process.env['WELKIN_OWN_NAMESPACES'] === undefined && 'needs test/support/in-namespaces';

async function nicMake(t: TestContext, name: string): Promise<void> {
  // A pair, so that there is a carrier.
  await execute('ip', ['link', 'add', name, 'type', 'veth', 'peer', 'name', `${name}-peer`]);
  await execute('ip', ['link', 'set', `${name}-peer`, 'up']);
  await execute('ip', ['link', 'set', name, 'up']);
  t.after(() => execute('ip', ['link', 'del', name]));
}

async function leaseApply(event: string, lease: Readonly<Record<string, string>>): Promise<void> {
  const env = { PATH: process.env['PATH'], interface: 'eth1', ...lease };
  await execute('sh', [script, event], { env });
}

async function routes(): Promise<string[]> {
  const { stdout } = await execute('ip', ['-4', 'route', 'show', 'dev', 'eth1']);
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.trim())
    .toSorted();
}

const lease = { ip: '10.0.0.5', mask: '24', dns: '10.0.0.2 10.0.0.3', domain: 'cloud.example' };

test('a lease with classless routes and an MTU is followed', { skip }, async (t) => {
  await nicMake(t, 'eth1');
  await leaseApply('deconfig', {});
  await leaseApply('bound', {
    ...lease,
    mtu: '1442',
    router: '10.0.0.99',
    staticroutes: '0.0.0.0/0 10.0.0.1 169.254.169.254/32 10.0.0.2 192.168.7.0/24 10.0.0.9',
  });
  assert.deepEqual(await routes(), [
    '10.0.0.0/24 proto kernel scope link src 10.0.0.5',
    '169.254.169.254 via 10.0.0.2 metric 101',
    '192.168.7.0/24 via 10.0.0.9 metric 101',
    'default via 10.0.0.1 metric 101',
  ]);
  const { stdout } = await execute('ip', ['link', 'show', 'eth1']);
  assert.match(stdout, / mtu 1442 /);
  assert.equal(
    await readFile('/run/resolv.conf', 'utf8'),
    'search cloud.example\nnameserver 10.0.0.2\nnameserver 10.0.0.3\n',
  );
});

test('without classless routes the first router is the way out', { skip }, async (t) => {
  await nicMake(t, 'eth1');
  await leaseApply('bound', { ...lease, router: '10.0.0.1 10.0.0.4' });
  assert.ok((await routes()).includes('default via 10.0.0.1 metric 101'));
});

test('a gateway outside the subnet is reached on the link', { skip }, async (t) => {
  await nicMake(t, 'eth1');
  const alone = { ip: '203.0.113.5', mask: '32', staticroutes: '0.0.0.0/0 192.0.2.1' };
  await leaseApply('deconfig', {});
  await leaseApply('bound', alone);
  assert.ok((await routes()).includes('default via 192.0.2.1 metric 101'));
});

test(
  'a renewed lease leaves the address where it is, a changed one moves it',
  { skip },
  async (t) => {
    await nicMake(t, 'eth1');
    await leaseApply('deconfig', {});
    await leaseApply('bound', { ...lease, router: '10.0.0.1' });
    // An address beside it would go with a flush.
    await execute('ip', ['addr', 'add', '10.0.0.77/24', 'dev', 'eth1']);
    await leaseApply('renew', { ...lease, router: '10.0.0.1' });
    const addresses = async (): Promise<string> =>
      (await execute('ip', ['-4', '-o', 'addr', 'show', 'dev', 'eth1'])).stdout;
    assert.match(await addresses(), /10\.0\.0\.77/);
    await leaseApply('renew', { ...lease, ip: '10.0.0.6', router: '10.0.0.1' });
    assert.match(await addresses(), /10\.0\.0\.6\/24/);
    assert.doesNotMatch(await addresses(), /10\.0\.0\.5/);
  },
);
