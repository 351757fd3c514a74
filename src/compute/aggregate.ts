import type { Context } from '../kernel/context.ts';
import { UniqueViolation } from '../kernel/db.ts';
import { conflict, invalid, notFound, type Failure } from '../kernel/errors.ts';
import {
  aggregateHostAdd,
  aggregateHostRemove,
  aggregateInsert,
  aggregateMetadataSet,
  aggregateRemove,
  aggregateSelect,
  aggregateUpdate,
  zoneKey,
  zonesOfHosts,
  type Aggregate,
} from './aggregate.store.ts';
import type { ComputeWorld } from './compute.world.ts';
import { hostFind, hostSelect, hostServers, hostZoneSet } from './host.store.ts';

type AggregateContext = Context<ComputeWorld>;
type Metadata = Readonly<Record<string, string | null>>;
type Refusal = (message: string) => Failure;

export const aggregateList = ({ world }: AggregateContext): Promise<Aggregate[]> =>
  world.region.read(aggregateSelect);

export async function aggregateGet(context: AggregateContext, text: string): Promise<Aggregate> {
  if (!/^-?\d{1,15}$/.test(text)) throw invalid('Invalid input received: id must be an integer');
  const found = (await aggregateList(context)).find(({ id }) => id === Number(text));
  if (found === undefined) throw notFound(`Aggregate ${text} could not be found.`);
  return found;
}

export async function aggregateCreate(
  context: AggregateContext,
  { name, zone }: { readonly name: string; readonly zone: string | null },
): Promise<Aggregate> {
  const { world, ids, clock } = context;
  const id = await named(name, () =>
    world.region.write(async (tx) => {
      const made = { uuid: ids.uuid(), name, created_at: clock.now() };
      const number = await aggregateInsert(tx, made);
      if (zone !== null) await aggregateMetadataSet(tx, number, { [zoneKey]: zone });
      return number;
    }),
  );
  return aggregateGet(context, String(id));
}

export async function aggregateEdit(
  context: AggregateContext,
  before: Aggregate,
  { name, zone }: { readonly name?: string; readonly zone?: string | null },
): Promise<Aggregate> {
  const metadata = zone === undefined ? {} : { [zoneKey]: zone };
  await zoneMayChange(context, before, metadata);
  const change = { ...(name !== undefined && { name }), updated_at: context.clock.now() };
  await named(name ?? before.name, () =>
    context.world.region.write(async (tx) => {
      await aggregateUpdate(tx, before.id, change);
      await aggregateMetadataSet(tx, before.id, metadata);
    }),
  );
  return changed(context, before);
}

export async function aggregateMetadataEdit(
  context: AggregateContext,
  before: Aggregate,
  metadata: Metadata,
): Promise<Aggregate> {
  await zoneMayChange(context, before, metadata);
  await context.world.region.write(async (tx) => {
    await aggregateUpdate(tx, before.id, { updated_at: context.clock.now() });
    await aggregateMetadataSet(tx, before.id, metadata);
  });
  return changed(context, before);
}

export async function aggregateDelete(
  { world }: AggregateContext,
  { id }: Aggregate,
): Promise<void> {
  await world.region.write(async (tx) => {
    const current = (await aggregateSelect(tx)).find((one) => one.id === id);
    if (current === undefined) throw notFound(`Aggregate ${id} could not be found.`);
    if (current.hosts.length > 0) {
      throw invalid(`Cannot delete aggregate '${id}'. Reason: Host aggregate is not empty.`);
    }
    await aggregateRemove(tx, id);
  });
}

export async function aggregateHostJoin(
  context: AggregateContext,
  before: Aggregate,
  host: string,
): Promise<Aggregate> {
  const { world } = context;
  if ((await world.cell.read((tx) => hostFind(tx, host))) === null) {
    throw notFound(`Compute host ${host} could not be found.`);
  }
  if (before.hosts.includes(host)) {
    throw conflict(`Aggregate ${before.id} already has host ${host}.`);
  }
  const zone = before.metadata[zoneKey] ?? null;
  const refuse: Refusal = (reason) =>
    conflict(`Cannot add host to aggregate '${before.id}'. Reason: ${reason}.`);
  await hostsMayBeIn(context, { id: before.id, hosts: [host], zone }, refuse);
  if (zone !== null) await zoneHolds(context, [host], zone, refuse);
  try {
    await world.region.write((tx) => aggregateHostAdd(tx, before.id, host));
  } catch (error) {
    if (error instanceof UniqueViolation) {
      throw conflict(`Aggregate ${before.id} already has host ${host}.`);
    }
    throw error;
  }
  return changed(context, before);
}

export async function aggregateHostLeave(
  context: AggregateContext,
  before: Aggregate,
  host: string,
): Promise<Aggregate> {
  const cannot = `Cannot remove host ${host} in aggregate ${before.id}`;
  if (!before.hosts.includes(host)) throw notFound(cannot);
  if (before.metadata[zoneKey] !== undefined) {
    const others = (await aggregateList(context)).filter(({ id }) => id !== before.id);
    const zone = zonesOfHosts(others).get(host) ?? context.world.settings.defaultZone;
    await zoneHolds(context, [host], zone, () => conflict(cannot));
  }
  await context.world.region.write((tx) => aggregateHostRemove(tx, before.id, host));
  return changed(context, before);
}

/** The region's truth becomes the cell's, for every host. A crash before it is mended by host-sync. */
export async function hostZonesCopy({ region, cell }: ComputeWorld): Promise<void> {
  const zones = zonesOfHosts(await region.read(aggregateSelect));
  const hosts = await cell.read(hostSelect);
  const stale = hosts.filter((host) => host.availability_zone !== (zones.get(host.name) ?? null));
  if (stale.length === 0) return;
  await cell.write(async (tx) => {
    for (const { name } of stale) await hostZoneSet(tx, name, zones.get(name) ?? null);
  });
}

async function changed(context: AggregateContext, { id }: Aggregate): Promise<Aggregate> {
  await hostZonesCopy(context.world);
  return aggregateGet(context, String(id));
}

async function zoneMayChange(
  context: AggregateContext,
  before: Aggregate,
  metadata: Metadata,
): Promise<void> {
  const zone = metadata[zoneKey];
  if (zone === undefined || zone === (before.metadata[zoneKey] ?? null)) return;
  const refuse: Refusal = (reason) =>
    invalid(`Cannot update aggregate '${before.id}'. Reason: ${reason}.`);
  if (zone === '') throw refuse('Aggregate availability zone cannot be empty');
  await hostsMayBeIn(context, { id: before.id, hosts: before.hosts, zone }, refuse);
  await zoneHolds(context, before.hosts, zone ?? context.world.settings.defaultZone, refuse);
}

/** A host is in one zone, whatever number of aggregates it is in. */
async function hostsMayBeIn(
  context: AggregateContext,
  { id, hosts, zone }: { id: number; hosts: readonly string[]; zone: string | null },
  refuse: Refusal,
): Promise<void> {
  if (zone === null) return;
  const others = (await aggregateList(context)).filter((one) => one.id !== id);
  const zones = zonesOfHosts(others);
  const elsewhere = hosts.find((host) => (zones.get(host) ?? zone) !== zone);
  if (elsewhere !== undefined) {
    throw refuse(`Host ${elsewhere} is in availability zone ${zones.get(elsewhere)} already`);
  }
}

/** Servers were promised the zone they were made in: their host does not leave it under them. */
async function zoneHolds(
  { world }: AggregateContext,
  hosts: readonly string[],
  zone: string,
  refuse: Refusal,
): Promise<void> {
  const moving: string[] = [];
  for (const name of hosts) {
    const host = await world.cell.read((tx) => hostFind(tx, name));
    if ((host?.availability_zone ?? world.settings.defaultZone) !== zone) moving.push(name);
  }
  const servers = await world.cell.read((tx) => hostServers(tx, moving));
  if (servers.size > 0) throw refuse('One or more hosts contain instances in this zone');
}

async function named<T>(name: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    if (error instanceof UniqueViolation) throw conflict(`Aggregate ${name} already exists.`);
    throw error;
  }
}
