/**
 * Router advertisements. Node has no raw sockets, so a `radvd` runs in each router's namespace that needs one. It
 * outlives this process; its configuration and pid file, whose names carry the cloud and the router, tell whose it is.
 */
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../kernel/clock.ts';
import { causesOf } from '../../kernel/errors.ts';
import type { Log } from '../../kernel/log.ts';
import type { RouterInterface, RouterWanted } from '../api.ts';
import { commandRun } from '../command.ts';
import { inNamespace } from './kernel-state.ts';
import { routerInside } from './names.ts';

export interface Advertisers {
  /** Starts, tells anew or ends the one of a router. */
  ensure(namespace: string, router: RouterWanted): Promise<void>;
  remove(namespace: string): Promise<void>;
  /** Ends those in namespaces that are not wanted. */
  removeOthers(wanted: ReadonlySet<string>): Promise<void>;
  stop(): void;
}

export interface AdvertisersOptions {
  /** Readable for radvd's own user, gone after a boot. */
  readonly directory: string;
  readonly clock: Clock;
  readonly log: Log;
}

const superviseMs = 5_000;

export function advertisersOpen({ directory, clock, log }: AdvertisersOptions): Advertisers {
  /** Configuration by namespace: what the radvd there was told by this process. */
  const wanted = new Map<string, string>();
  const stopped = new AbortController();
  let isSupervising = false;
  return {
    async ensure(namespace, router) {
      const text = radvdText(router);
      if (text === '') return forget(namespace);
      await radvdEnsure(directory, namespace, text, wanted.get(namespace) !== text);
      wanted.set(namespace, text);
      void supervise();
    },
    remove: (namespace) => forget(namespace),
    async removeOthers(keep) {
      const files = await readdir(directory).catch(() => []);
      const namespaces = files
        .filter((file) => file.endsWith('.conf'))
        .map((file) => file.slice(0, -5));
      await Promise.all(namespaces.filter((name) => !keep.has(name)).map(forget));
    },
    stop: () => stopped.abort(),
  };

  async function forget(namespace: string): Promise<void> {
    wanted.delete(namespace);
    await radvdEnd(directory, namespace, clock);
  }

  async function supervise(): Promise<void> {
    if (isSupervising) return;
    isSupervising = true;
    while (wanted.size > 0 && !stopped.signal.aborted) {
      await clock.sleep(superviseMs, stopped.signal);
      if (stopped.signal.aborted) break;
      for (const [namespace, text] of wanted)
        await radvdEnsure(directory, namespace, text, false).catch((error: unknown) =>
          log.warning('router advertisements are not sent', { namespace, causes: causesOf(error) }),
        );
    }
    isSupervising = false;
  }
}

/** Pure: the configuration of radvd; empty when nothing is to be advertised. */
export function radvdText(router: RouterWanted): string {
  return router.interfaces
    .filter(({ advertise }) => advertise.length > 0)
    .map(interfaceText)
    .join('');
}

function interfaceText({ portId, mtu, advertise }: RouterInterface): string {
  const flag = (isOn: boolean): string => (isOn ? 'on' : 'off');
  const modes = new Set(advertise.map(({ mode }) => mode));
  const servers = [...new Set(advertise.flatMap(({ dnsServers }) => dnsServers))];
  return [
    `interface ${routerInside(portId)} {`,
    '  AdvSendAdvert on;',
    '  MinRtrAdvInterval 30;',
    '  MaxRtrAdvInterval 100;',
    `  AdvLinkMTU ${mtu};`,
    `  AdvManagedFlag ${flag(modes.has('dhcpv6-stateful'))};`,
    `  AdvOtherConfigFlag ${flag(modes.has('dhcpv6-stateless'))};`,
    ...advertise.map(
      ({ prefix, mode }) =>
        `  prefix ${prefix} { AdvOnLink on; AdvAutonomous ${flag(mode !== 'dhcpv6-stateful')}; };`,
    ),
    // RFC 8106 allows more, older guests read three.
    ...(servers.length === 0 ? [] : [`  RDNSS ${servers.slice(0, 3).join(' ')} {};`]),
    '};',
    '',
  ].join('\n');
}

const files = (directory: string, namespace: string): { configuration: string; pid: string } => ({
  configuration: join(directory, `${namespace}.conf`),
  pid: join(directory, `${namespace}.pid`),
});

async function radvdEnsure(
  directory: string,
  namespace: string,
  text: string,
  isNews: boolean,
): Promise<void> {
  const { configuration, pid } = files(directory, namespace);
  if (isNews) {
    await mkdir(directory, { recursive: true, mode: 0o755 });
    await writeFile(`${configuration}.part`, text, { mode: 0o644 });
    await rename(`${configuration}.part`, configuration);
  }
  const running = await radvdPid(directory, namespace);
  if (running === null) {
    const start = ['radvd', '-C', configuration, '-p', pid, '-m', 'none', '-u', 'radvd'];
    await commandRun(inNamespace(namespace, start));
  } else if (isNews) process.kill(running, 'SIGHUP');
}

/** Null when it does not run; a number that was given to another program meanwhile is not its. */
async function radvdPid(directory: string, namespace: string): Promise<number | null> {
  const { configuration, pid } = files(directory, namespace);
  const number = Number(await readFile(pid, 'utf8').catch(() => '0'));
  if (!Number.isInteger(number) || number <= 1) return null;
  const command = await readFile(`/proc/${number}/cmdline`, 'utf8').catch(() => '');
  return command.split('\0').includes(configuration) ? number : null;
}

async function radvdEnd(directory: string, namespace: string, clock: Clock): Promise<void> {
  const { configuration, pid } = files(directory, namespace);
  for (let tries = 0; ; tries += 1) {
    const running = await radvdPid(directory, namespace);
    if (running === null) break;
    // At the first signal it takes itself back as a router; it may hang on an interface that is gone.
    process.kill(running, tries < 20 ? 'SIGTERM' : 'SIGKILL');
    await clock.sleep(50);
  }
  await rm(pid, { force: true });
  await rm(configuration, { force: true });
}
