/** The life of a cloud with a guest in it: starts, stops, deaths, and an end that leaves nothing. */
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { guestPids, pidsWhere } from '../../src/boot/proc.ts';
import { apiClient } from '../support/client.ts';
import { cloudUse, until, type Cloud } from '../support/cloud.ts';
import { tinyUpload } from '../support/tiny-image.ts';

const launcher = resolve('welkin');

interface Run {
  readonly status: number | null;
  readonly output: string;
}

/** What a cloud may leave in the kernel and in the file system. */
interface Traces {
  readonly namespaces: readonly string[];
  readonly links: readonly string[];
  readonly tables: string;
  readonly mounts: readonly string[];
}

function tracesOfMachine(): Traces {
  const links = JSON.parse(execFileSync('ip', ['-j', 'link'], { encoding: 'utf8' })) as {
    ifname: string;
  }[];
  return {
    namespaces: existsSync('/run/netns') ? readdirSync('/run/netns').toSorted() : [],
    links: links.map(({ ifname }) => ifname).toSorted(),
    tables: execFileSync('nft', ['list', 'tables'], { encoding: 'utf8' }),
    mounts: readFileSync('/proc/self/mounts', 'utf8').split('\n').toSorted(),
  };
}

describe('the life of a cloud', () => {
  let cloud: Cloud;
  let address = '';

  const welkin = (...words: string[]): Run => {
    const { status, stdout, stderr } = spawnSync(
      launcher,
      [...words, '--state-dir', cloud.stateDir],
      { encoding: 'utf8' },
    );
    return { status, output: stdout + stderr };
  };
  const programPid = (name: string): number => {
    const path = join(cloud.stateDir, 'run', `${name}.json`);
    return (JSON.parse(readFileSync(path, 'utf8')) as { pid: number }).pid;
  };
  const guestPid = (): number => {
    const [pid, ...others] = guestPids(cloud.stateDir);
    assert.deepEqual(others, []);
    return pid ?? 0;
  };
  const answers = (): boolean =>
    spawnSync('ping', ['-c', '1', '-W', '5', address], { stdio: 'ignore' }).status === 0;
  const serverIs = (status: string) =>
    until(`the server to be ${status}`, async () => {
      const shown = await cloud.openstack('welkin-demo', 'server', 'show', 'one', '-f', 'json');
      return shown.status === status;
    });

  before(async () => {
    delete process.env['WELKIN_TEST_STATE_DIR'];
    cloud = await cloudUse();
    await tinyUpload(await apiClient(cloud));
    const openstack = (...words: string[]) => cloud.openstack('welkin-demo', ...words);
    await openstack(...['security', 'group', 'rule', 'create', '--protocol', 'icmp', 'default']);
    await openstack(
      ...['server', 'create', '--image', 'tiny', '--flavor', 'm1.nano', '--network', 'private'],
      ...['--wait', 'one'],
    );
    const made = await openstack('floating', 'ip', 'create', 'public', '-f', 'json');
    address = made.floating_ip_address;
    await openstack('server', 'add', 'floating', 'ip', 'one', address);
    await until('the guest to answer', async () => answers());
  });
  after(() => cloud?.[Symbol.asyncDispose]());

  test('a second up finds it running', () => {
    const before_ = ['supervisor', 'agent', 'control'].map(programPid);
    const { status, output } = welkin('up');
    assert.equal(status, 0, output);
    assert.match(output, /is already running/);
    assert.deepEqual(['supervisor', 'agent', 'control'].map(programPid), before_);
    assert.equal(welkin('status').status, 0);
  });

  test('down and up lose no packet of a running guest', async () => {
    const guest = guestPid();
    const ping = spawn('ping', ['-i', '0.2', '-W', '10', address]);
    const said = text(ping.stdout);
    const down = welkin('down');
    assert.equal(down.status, 0, down.output);
    assert.match(down.output, /1 guest runs on/);
    assert.equal(welkin('status').status, 3);
    const up = welkin('up');
    assert.equal(up.status, 0, up.output);
    await serverIs('ACTIVE');
    ping.kill('SIGINT');
    await once(ping, 'close');
    assert.match(await said, /(\d+) packets transmitted, \1 received/);
    assert.equal(guestPid(), guest);
  });

  for (const name of ['agent', 'control']) {
    test(`${name} is started again when it is killed, and the guest runs on`, async () => {
      const [killed, guest] = [programPid(name), guestPid()];
      process.kill(killed, 'SIGKILL');
      await until(`another ${name}`, async () => {
        const { status } = welkin('status');
        return status === 0 && programPid(name) !== killed;
      });
      assert.equal(guestPid(), guest);
      await serverIs('ACTIVE');
    });
  }

  test('a killed supervisor takes agent and control with it, and up starts all anew', async () => {
    const [guest, orphans] = [guestPid(), ['agent', 'control'].map(programPid)];
    process.kill(programPid('supervisor'), 'SIGKILL');
    const up = await until('a start', async () => {
      const run = welkin('up');
      return run.status === 0 && run;
    });
    assert.match(up.output, / is up\./);
    assert.deepEqual(
      pidsWhere((words) => words.includes(cloud.stateDir)).filter((pid) => orphans.includes(pid)),
      [],
    );
    assert.equal(guestPid(), guest);
    await serverIs('ACTIVE');
  });

  test('down --guests stops guests too, and up starts them again', async () => {
    const guest = guestPid();
    const down = welkin('down', '--guests');
    assert.equal(down.status, 0, down.output);
    assert.deepEqual(guestPids(cloud.stateDir), []);
    const up = welkin('up');
    assert.equal(up.status, 0, up.output);
    await serverIs('ACTIVE');
    await until('the guest to answer', async () => answers());
    assert.notEqual(guestPid(), guest);
  });

  test('down --purge leaves nothing, from a running cloud and from half of one', async () => {
    const traces = tracesOfMachine();
    assert.ok(traces.links.some((name) => name.startsWith('wk')));
    const refused = welkin('down', '--purge');
    assert.equal(refused.status, 1);
    assert.match(refused.output, /add --yes/);
    process.kill(programPid('supervisor'), 'SIGKILL');
    const { status, output } = welkin('down', '--purge', '--yes');
    assert.equal(status, 0, output);
    const left = tracesOfMachine();
    assert.deepEqual(
      pidsWhere((words) => words.some((word) => word.includes(cloud.stateDir))),
      [],
    );
    assert.equal(existsSync(cloud.stateDir), false);
    const own = cloudMark(traces, left);
    assert.ok(own.length > 0);
    const rest = [...left.namespaces, ...left.links].filter((name) => name.startsWith(own));
    assert.deepEqual(rest, []);
    assert.doesNotMatch(left.tables, new RegExp(own));
    assert.deepEqual(
      left.mounts.filter((line) => line.includes(cloud.stateDir)),
      [],
    );
    assert.equal(welkin('down', '--purge', '--yes').status, 0);
  });
});

/** What the names of this cloud's namespaces begin with: another cloud may come and go meanwhile. */
function cloudMark(before_: Traces, left: Traces): string {
  const gone = before_.namespaces.find((name) => !left.namespaces.includes(name));
  return /^wk[0-9a-z]{4}/.exec(gone ?? '')?.[0] ?? '';
}
