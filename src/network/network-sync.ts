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

/**
 * Every host has the documents it needs, as the database has them, and no others. After a change only what it touched is
 * looked at; everything is when a host (re)connects and on the timer.
 */
export function networkSync(world: NetworkWorld): Reconciler {
  let lookedAtAllMs = 0;
  let current = new Set<string>();
  return {
    name: 'network-sync',
    everyMs,
    async run(signal) {
      const touched = world.changes.take();
      const connected = world.hosts
        .list()
        .filter(({ name }) => world.mirror.host(name)?.isCurrent === true);
      const isNew = connected.some(({ name }) => !current.has(name));
      current = new Set(connected.map(({ name }) => name));
      const isAll = isNew || world.clock.now() - lookedAtAllMs >= everyMs;
      try {
        await hostsSync(world, connected, isAll ? null : touched, signal);
      } catch (error) {
        // What was touched must be looked at again, whatever failed.
        lookedAtAllMs = 0;
        throw error;
      }
      if (isAll) lookedAtAllMs = world.clock.now();
    },
  };
}

/** Documents of large networks are large: so many hosts have theirs in memory at once. */
const hostsAtOnce = 64;

/** `touched` null: everything. One host that fails keeps no other from having what it needs. */
async function hostsSync(
  world: NetworkWorld,
  hosts: readonly Host[],
  touched: Touched | null,
  signal: AbortSignal,
): Promise<void> {
  const affected = touched === null ? null : await world.db.read((tx) => affectedBy(tx, touched));
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
  const seen = [...(world.mirror.host(host.name)?.documents() ?? [])];
  return seen
    .filter((one) => one.of === of && one.digest !== null && !wanted.has(one.id))
    .map(({ id }) => id);
}

/** A group touches the networks of its ports and of ports whose groups name it; a network touches its routers. */
async function affectedBy(tx: NetworkTx, touched: Touched): Promise<Affected> {
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
  return { external: networks, network: networks, router: routers };
}
