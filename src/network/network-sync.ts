import type { DocumentOf } from '../cluster/agent-mirror.ts';
import type { Host } from '../cluster/port.ts';
import { causesOf } from '../kernel/errors.ts';
import type { Reconciler } from '../kernel/reconciler.ts';
import { hostsNeed, needsNothing, type Affected, type HostNeeds } from './host-needs.ts';
import type { Touched } from './network-changes.ts';
import type { NetworkTx, NetworkWorld } from './network.world.ts';

const everyMs = 30_000;
/** Externals before routers that hang on them, networks before routers that plug into them; what goes, the other way. */
const order: readonly DocumentOf[] = ['external', 'network', 'router'];
const turns = [
  ...order.map((of) => ({ of, isNeeded: true })),
  ...order.toReversed().map((of) => ({ of, isNeeded: false })),
];

export interface NetworkSync extends Reconciler {
  readonly onWake: (wake: () => void) => void;
}

/**
 * Every host has the documents it needs, as the database has them, and no others. After a change only what it touched is
 * looked at, and after a report only what is not as it was sent; everything is when a host (re)connects and on the timer.
 */
export function networkSync(world: NetworkWorld): NetworkSync {
  let lookedAtAllMs = 0;
  let isAllDue = true;
  let odd = oddNone();
  let lease: AbortSignal | null = null;
  let wake = (): void => {};
  world.mirror.onChange((change) => {
    if (change.kind === 'host') {
      if (world.hosts.get(change.host) === null) world.documents.forget(change.host);
      if (world.mirror.host(change.host)?.isCurrent === true) isAllDue = true;
    } else if (change.kind === 'document') {
      const { host, of, id } = change;
      const seen = world.mirror.host(host)?.document(of, id) ?? null;
      if (!world.documents.isOdd(host, of, id, seen)) return;
      odd[of].add(id);
    } else return;
    wake();
  });
  return {
    name: 'network-sync',
    everyMs,
    onWake(given) {
      wake = given;
      world.changes.onChange(given);
    },
    async run(signal) {
      // Another may have held the lease meanwhile, and may have ended in the middle.
      const isAnew = isAllDue || lease !== signal;
      const isAll = isAnew || world.clock.now() - lookedAtAllMs >= everyMs;
      // Forgotten before anything is read: what comes from here on is for the next run.
      const [touched, reported] = [world.changes.take(), odd];
      [isAllDue, lease, odd] = [false, signal, oddNone()];
      const connected = world.hosts
        .list()
        .filter(({ name }) => world.mirror.host(name)?.isCurrent === true);
      let isDone = false;
      try {
        await hostsSync(world, connected, isAll ? null : { touched, odd: reported }, signal);
        isDone = !signal.aborted;
      } finally {
        // What was touched must be looked at again, whatever failed.
        isAllDue ||= !isDone;
      }
      if (isAll) lookedAtAllMs = world.clock.now();
    },
  };
}

type Odd = Readonly<Record<DocumentOf, Set<string>>>;
const oddNone = (): Odd => ({ external: new Set(), network: new Set(), router: new Set() });

interface Due {
  readonly touched: Touched;
  readonly odd: Odd;
}

/** Documents of large networks are large: so many hosts have theirs in memory at once. */
const hostsAtOnce = 64;

/** `due` null: everything. One host that fails keeps no other from having what it needs. */
async function hostsSync(
  world: NetworkWorld,
  hosts: readonly Host[],
  due: Due | null,
  signal: AbortSignal,
): Promise<void> {
  const affected = due === null ? null : await world.db.read((tx) => affectedBy(tx, due));
  const needs = await world.db.read((tx) => hostsNeed(tx, affected));
  const failures: unknown[] = [];
  const left = hosts.values();
  const work = async (): Promise<void> => {
    for (const host of left) {
      if (signal.aborted) return;
      await hostSync(world, host, needs.get(host.name) ?? needsNothing, affected).catch(
        (error: unknown) => failures.push(error),
      );
    }
  };
  await Promise.all(Array.from({ length: hostsAtOnce }, work));
  const [first] = failures;
  if (first !== undefined) throw first;
}

/** One document that fails keeps no other from being put in force. */
async function hostSync(
  world: NetworkWorld,
  host: Host,
  needs: HostNeeds,
  affected: Affected | null,
): Promise<void> {
  const failures: unknown[] = [];
  for (const { of, isNeeded } of turns) {
    const ids = (isNeeded ? wantedOf(needs, of) : unneededOf(world, host, needs, of)).filter(
      (id) => affected === null || affected[of].has(id),
    );
    if (ids.length === 0) continue;
    const results = await Promise.allSettled(
      ids.map((id) => world.documents.push(world, host, of, id)),
    );
    for (const result of results) if (result.status === 'rejected') failures.push(result.reason);
  }
  const [first] = failures;
  if (first === undefined) return;
  world.log.warning('documents could not be put in force', {
    host: host.name,
    count: failures.length,
    causes: causesOf(first),
  });
  throw new Error(`${failures.length} documents of host ${host.name} are not in force`, {
    cause: first,
  });
}

const wantedOf = ({ externals, networks, routers }: HostNeeds, of: DocumentOf): string[] => [
  ...{ external: externals, network: networks, router: routers }[of],
];

/** What the host has and does not need any more. */
function unneededOf(world: NetworkWorld, host: Host, needs: HostNeeds, of: DocumentOf): string[] {
  const wanted = new Set(wantedOf(needs, of));
  return [...world.documents.on(world, host)]
    .filter((one) => one.of === of && !wanted.has(one.id))
    .map(({ id }) => id);
}

/** A group touches the networks of its ports and of ports whose groups name it; a network touches its routers. */
async function affectedBy(tx: NetworkTx, { touched, odd }: Due): Promise<Affected> {
  const networks = new Set(touched.networks);
  const routers = new Set(touched.routers);
  const groups = [...touched.groups];
  if (groups.length > 0) {
    const naming = await tx
      .selectFrom('security_group_rule')
      .select('security_group_id')
      .distinct()
      .where('remote_group_id', 'in', groups)
      .execute();
    const all = [...new Set([...groups, ...naming.map((rule) => rule.security_group_id)])];
    const ports = await tx
      .selectFrom('port_security_group')
      .innerJoin('port', 'port.id', 'port_security_group.port_id')
      .select('port.network_id')
      .distinct()
      .where('port_security_group.group_id', 'in', all)
      .execute();
    for (const { network_id } of ports) networks.add(network_id);
  }
  for (const column of ['network_id', 'device_id'] as const) {
    const given = [...(column === 'network_id' ? networks : routers)];
    if (given.length === 0) continue;
    const ports = await tx
      .selectFrom('port')
      .select(['network_id', 'device_id'])
      .where('device_owner', 'like', 'network:router_%')
      .where(column, 'in', given)
      .execute();
    for (const port of ports) {
      routers.add(port.device_id);
      networks.add(port.network_id);
    }
  }
  for (const id of [...odd.external, ...odd.network]) networks.add(id);
  for (const id of odd.router) routers.add(id);
  return { external: networks, network: networks, router: routers };
}
