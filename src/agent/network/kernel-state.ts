/** What is in the kernel: interfaces, forwarding entries, neighbours and routes of one namespace. */
import { stat } from 'node:fs/promises';
import { CommandFailed, commandRun } from '../command.ts';

export interface Link {
  readonly name: string;
  readonly mac: string;
  readonly mtu: number;
  readonly up: boolean;
  readonly master: string | null;
  readonly alias: string;
  /** With prefix length, as `ip` writes them. */
  readonly addresses: readonly string[];
  /** Options of a bridge's port, by the names `ip` gives them. */
  readonly port: Readonly<Record<string, unknown>>;
  /** Options of the kind of interface it is, by the names `ip` gives them. */
  readonly kind: string;
  readonly options: Readonly<Record<string, unknown>>;
}

export interface ForwardingEntry {
  readonly mac: string;
  readonly link: string;
  readonly state: string;
  /** Tunnel endpoint, for entries of a VXLAN itself. */
  readonly endpoint: string | null;
}

export interface Neighbour {
  readonly address: string;
  readonly mac: string;
  readonly link: string;
}

export interface KernelRoute {
  readonly destination: string;
  readonly nexthop: string | null;
  readonly link: string;
}

export interface KernelState {
  readonly links: ReadonlyMap<string, Link>;
  readonly forwarding: readonly ForwardingEntry[];
  /** Permanent ones. */
  readonly neighbours: readonly Neighbour[];
  /** Those we made (`proto static`). */
  readonly routes: readonly KernelRoute[];
}

/** Null: the host's own namespace. */
const ip = (namespace: string | null): string[] =>
  namespace === null ? ['ip'] : ['ip', '-n', namespace];
const bridge = (namespace: string | null): string[] =>
  namespace === null ? ['bridge'] : ['bridge', '-n', namespace];

export async function kernelStateRead(namespace: string): Promise<KernelState> {
  const [links, forwarding, neighbours, routes4, routes6] = await Promise.all([
    linksRead(namespace),
    jsonRead<RawForwarding>([...bridge(namespace), '-j', 'fdb', 'show']),
    jsonRead<RawNeighbour>([...ip(namespace), '-j', 'neigh', 'show', 'nud', 'permanent']),
    jsonRead<RawRoute>([...ip(namespace), '-j', '-4', 'route', 'show', 'proto', 'static']),
    jsonRead<RawRoute>([...ip(namespace), '-j', '-6', 'route', 'show', 'proto', 'static']),
  ]);
  return {
    links,
    forwarding: forwarding.map((entry) => ({
      mac: entry.mac,
      link: entry.ifname,
      state: entry.state ?? '',
      endpoint: entry.dst ?? null,
    })),
    neighbours: neighbours.map(({ dst, lladdr, dev }) => ({
      address: dst,
      mac: lladdr ?? '',
      link: dev,
    })),
    routes: [
      ...routes4.map((route) => routeOf(route, '0.0.0.0/0', 32)),
      ...routes6.map((route) => routeOf(route, '::/0', 128)),
    ],
  };
}

interface RawForwarding {
  readonly mac: string;
  readonly ifname: string;
  readonly state?: string;
  readonly dst?: string;
}
interface RawNeighbour {
  readonly dst: string;
  readonly lladdr?: string;
  readonly dev: string;
}
interface RawRoute {
  readonly dst: string;
  readonly gateway?: string;
  readonly dev?: string;
}

function routeOf(route: RawRoute, any: string, bits: number): KernelRoute {
  const destination = route.dst === 'default' ? any : route.dst;
  return {
    destination: destination.includes('/') ? destination : `${destination}/${bits}`,
    nexthop: route.gateway ?? null,
    link: route.dev ?? '',
  };
}

interface RawLink {
  readonly ifname: string;
  readonly flags: readonly string[];
  readonly mtu: number;
  readonly address?: string;
  readonly master?: string;
  readonly ifalias?: string;
  readonly linkinfo?: {
    readonly info_kind?: string;
    readonly info_data?: Record<string, unknown>;
    readonly info_slave_data?: Record<string, unknown>;
  };
  readonly addr_info?: readonly { readonly local?: string; readonly prefixlen?: number }[];
}

export async function linksRead(namespace: string | null): Promise<Map<string, Link>> {
  const raw = await jsonRead<RawLink>([...ip(namespace), '-j', '-d', 'addr', 'show']);
  return new Map(
    raw.map((link) => [
      link.ifname,
      {
        name: link.ifname,
        mac: link.address ?? '',
        mtu: link.mtu,
        up: link.flags.includes('UP'),
        master: link.master ?? null,
        alias: link.ifalias ?? '',
        addresses: (link.addr_info ?? []).flatMap(({ local, prefixlen }) =>
          local === undefined ? [] : [`${local}/${prefixlen}`],
        ),
        port: link.linkinfo?.info_slave_data ?? {},
        kind: link.linkinfo?.info_kind ?? '',
        options: link.linkinfo?.info_data ?? {},
      },
    ]),
  );
}

/** `ip` and `bridge` write nothing, or `{}` inside the list, where there is nothing to show. */
async function jsonRead<Item extends object>(argv: readonly string[]): Promise<Item[]> {
  const text = await commandRun(argv);
  const items: Item[] = text.trim() === '' ? [] : JSON.parse(text);
  return items.filter((item) => Object.keys(item).length > 0);
}

/** Runs lines of `ip` in one process; the first that fails ends it. */
export async function ipBatch(namespace: string | null, lines: readonly string[]): Promise<void> {
  if (lines.length === 0) return;
  await batchRun([...ip(namespace), '-batch', '-'], lines);
}

export async function bridgeBatch(namespace: string, lines: readonly string[]): Promise<void> {
  if (lines.length === 0) return;
  await batchRun([...bridge(namespace), '-batch', '-'], lines);
}

async function batchRun(argv: readonly string[], lines: readonly string[]): Promise<void> {
  try {
    await commandRun(argv, { input: `${lines.join('\n')}\n` });
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    // `ip` names the number of the line it failed at; an operator needs the line.
    const at = /Command failed -:(\d+)/.exec(error.stderr)?.[1];
    const line = at === undefined ? '' : (lines[Number(at) - 1] ?? '');
    throw new CommandFailed([...argv, line], error.exitCode, error.stderr);
  }
}

/** No error when it is gone already. */
export async function linkDelete(namespace: string | null, name: string): Promise<void> {
  try {
    await ipBatch(namespace, [`link del ${name}`]);
  } catch (error) {
    const isGone = error instanceof CommandFailed && /Cannot find|No such/.test(error.stderr);
    if (!isGone) throw error;
  }
}

export async function nftLoad(namespace: string, script: string): Promise<void> {
  await commandRun(inNamespace(namespace, ['nft', '-f', '-']), { input: script });
}

export const inNamespace = (namespace: string, argv: readonly string[]): string[] => [
  'nsenter',
  `--net=/run/netns/${namespace}`,
  ...argv,
];

export async function sysctlSet(
  namespace: string,
  settings: Readonly<Record<string, string | number>>,
): Promise<void> {
  const assignments = Object.entries(settings).map(([key, value]) => `${key}=${value}`);
  await commandRun(inNamespace(namespace, ['sysctl', '-qw', ...assignments]));
}

/** Answers whether it had to be made. */
export async function namespaceEnsure(name: string): Promise<boolean> {
  if (await namespaceWorks(name)) return false;
  // Without effect, or the rest of a making that was cut short: a file to which no namespace is bound.
  await namespaceDelete(name);
  await commandRun(['ip', 'netns', 'add', name]);
  await ipBatch(name, ['link set lo up']);
  return true;
}

async function namespaceWorks(name: string): Promise<boolean> {
  try {
    // Files of bound namespaces live on nsfs, the rest of /run/netns on the tmpfs around it.
    const [file, directory] = await Promise.all([stat(`/run/netns/${name}`), stat('/run/netns')]);
    return file.dev !== directory.dev;
  } catch {
    return false;
  }
}

export async function namespaceDelete(name: string): Promise<void> {
  try {
    await commandRun(['ip', 'netns', 'del', name]);
  } catch (error) {
    if (!(error instanceof CommandFailed) || !error.stderr.includes('No such file')) throw error;
  }
}

export async function namespaceList(prefix: string): Promise<string[]> {
  const text = await commandRun(['ip', 'netns', 'list']);
  const names = text.split('\n').map((line) => line.split(' ')[0] ?? '');
  return names.filter((name) => name.startsWith(prefix));
}
