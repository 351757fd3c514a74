import type { Context } from '../kernel/context.ts';
import { flag } from '../kernel/db.ts';
import { Failure } from '../kernel/errors.ts';
import { taskInsert } from '../kernel/task.ts';
import type { Wanted } from '../placement/inventory.ts';
import { actionStart } from './action.store.ts';
import type { ServerTable } from './compute.tables.ts';
import type { CellTables, ComputeWorld, QuotaLimits } from './compute.world.ts';
import { serverPlace } from './placement.ts';
import { projectOf } from './project.ts';
import { serverUsage } from './quota.store.ts';
import { serverCreateCheck } from './server-create-check.ts';
import type {
  ServerCreate,
  ServerCreateFound,
  ServerCreateInput,
  ServerGroupFound,
} from './server-create.model.ts';
import { hostnameOf, powerState, tagsText } from './server.model.ts';
import { locationAppend, serverInsert, type CellTx } from './server.store.ts';
import type { Tx } from '../kernel/db.ts';

export interface ServersCreated {
  readonly ids: readonly string[];
  readonly reservationId: string;
  readonly adminPass: string;
}

/**
 * Everything that must not be half done is one transaction: quota, rows, the claim on a host, the task that builds.
 * A server for which no host has room is made all the same, in error, as at Nova.
 */
export async function serverCreate(
  context: Context<ComputeWorld>,
  create: ServerCreate,
): Promise<ServersCreated> {
  const { world, actor, ids } = context;
  const projectId = projectOf(context);
  const target = { project_id: projectId, user_id: actor.userId };
  context.authorize('os_compute_api:servers:create', target);
  if (create.networks !== 'none' && create.networks !== 'any') {
    context.authorize('os_compute_api:servers:create:attach_network', target);
  }
  const found = await serverCreateCheck(context, create);
  const adminPass = create.adminPass ?? passwordNew(context);
  const serverIds = Array.from({ length: create.maxCount }, () => ids.uuid());
  const reservationId = `r-${ids.hex().slice(0, 8)}`;
  const batch = { create, found, adminPass, reservationId, serverIds };
  const made = await world.cell.write((tx) => batchInsert(tx, context, batch));
  world.tasks.wake();
  return { ids: made, reservationId, adminPass };
}

interface Batch {
  readonly create: ServerCreate;
  readonly found: ServerCreateFound;
  readonly adminPass: string;
  readonly reservationId: string;
  readonly serverIds: readonly string[];
}

async function batchInsert(
  tx: Tx<CellTables>,
  context: Context<ComputeWorld>,
  batch: Batch,
): Promise<string[]> {
  const { create, found, serverIds } = batch;
  const count = await quotaTake(tx, context, create, found);
  await groupQuotaCheck(tx, found.group, found.limits, count);
  const made = serverIds.slice(0, count);
  for (const [index, serverId] of made.entries()) {
    await oneInsert(tx, context, batch, { serverId, index, count });
  }
  return made;
}

async function oneInsert(
  tx: Tx<CellTables>,
  context: Context<ComputeWorld>,
  batch: Batch,
  one: { readonly serverId: string; readonly index: number; readonly count: number },
): Promise<void> {
  const { world, ids, clock, actor, requestId } = context;
  const { serverId } = one;
  const { found } = batch;
  const now = clock.now();
  const host = await serverPlace(tx, {
    inventory: world.inventory,
    defaultZone: world.settings.defaultZone,
    serverId,
    wanted: await groupWanted(tx, found.group, found.placing),
    now,
  });
  await serverInsert(tx, rowOf(context, batch, { ...one, host, now }));
  const action = { actionId: ids.uuid(), eventId: ids.uuid() };
  await actionStart(tx, {
    id: action.actionId,
    eventId: action.eventId,
    serverId,
    requestId,
    action: 'create',
    event: 'compute__do_build_and_run_instance',
    userId: actor.userId,
    projectId: projectOf(context),
    host,
    now,
  });
  const nics = found.nics.map((nic) => ({
    portId: nic.portId ?? ids.uuid(),
    isNew: nic.portId === null,
    networkId: nic.networkId,
    fixedAddress: nic.fixedAddress,
  }));
  await nicsInsert(tx, serverId, nics, batch.create.nicTags);
  await locationAppend(tx, {
    id: ids.uuid(),
    server_id: serverId,
    host,
    reason: host === null ? 'create: no valid host' : 'create',
    user_id: actor.userId,
    request_id: requestId,
    at: now,
  });
  const input: ServerCreateInput = {
    serverId,
    ...action,
    nics,
    securityGroupIds: found.securityGroupIds,
  };
  await taskInsert(tx, {
    id: ids.uuid(),
    kind: 'server-create',
    subject: serverId,
    input,
    requestId,
    now,
  });
}

async function nicsInsert(
  tx: CellTx,
  serverId: string,
  nics: ServerCreateInput['nics'],
  tags: readonly (string | null)[],
): Promise<void> {
  for (const [position, { portId, networkId }] of nics.entries()) {
    const row = { port_id: portId, server_id: serverId, position, network_id: networkId };
    await tx
      .insertInto('server_nic')
      .values({ ...row, mac: null, mtu: null, tag: tags[position] ?? null })
      .execute();
  }
}

function rowOf(
  context: Context<ComputeWorld>,
  { create, found, adminPass, reservationId }: Batch,
  one: {
    readonly serverId: string;
    readonly index: number;
    readonly count: number;
    readonly host: string | null;
    readonly now: number;
  },
): ServerTable {
  const name = one.count === 1 ? create.name : `${create.name}-${one.index + 1}`;
  return {
    id: one.serverId,
    project_id: projectOf(context),
    user_id: context.actor.userId,
    name,
    description: create.description,
    hostname: create.hostname ?? hostnameOf(name, one.serverId),
    reservation_id: reservationId,
    launch_index: one.index,
    image_id: create.imageId,
    image: JSON.stringify(found.image),
    flavor: JSON.stringify(found.flavor),
    vcpus: found.flavor.vcpus,
    ram_mib: found.flavor.ramMib,
    key_name: found.key?.name ?? null,
    key: found.key === null ? null : JSON.stringify(found.key),
    user_data: create.userData,
    admin_pass: adminPass,
    config_drive: flag(create.configDrive),
    metadata: JSON.stringify(create.metadata),
    tags: tagsText(create.tags),
    vm_state: 'building',
    task_state: 'scheduling',
    power_state: powerState.none,
    locked_by: null,
    locked_reason: null,
    progress: 0,
    host: one.host,
    zone_wanted: found.zone,
    host_wanted: found.placing.onlyHosts === null ? null : create.host,
    scheduler_hints: JSON.stringify(create.hints),
    group_id: found.group?.id ?? null,
    hosts_refused: '[]',
    access_ip_v4: create.accessIpV4,
    access_ip_v6: create.accessIpV6,
    disk_config: create.diskConfig,
    generation: 1,
    run_state: 'running',
    incarnation: 1,
    grace_ms: 0,
    disk_revision: 1,
    facts_digest: null,
    deleted: flag(false),
    created_at: one.now,
    updated_at: one.now,
    launched_at: null,
    terminated_at: null,
    deleted_at: null,
  };
}

/** How many of the servers asked for the project may still have: at least `minCount`, or none at all. */
async function quotaTake(
  tx: CellTx,
  context: Context<ComputeWorld>,
  { minCount, maxCount }: ServerCreate,
  { flavor, limits }: ServerCreateFound,
): Promise<number> {
  const used = await serverUsage(tx, projectOf(context));
  const each = { instances: 1, cores: flavor.vcpus, ram: flavor.ramMib };
  const resources = ['instances', 'cores', 'ram'] as const;
  const room = resources.map((resource) =>
    limits[resource] < 0 || each[resource] === 0
      ? maxCount
      : Math.floor((limits[resource] - used[resource]) / each[resource]),
  );
  const count = Math.min(maxCount, ...room);
  if (count >= minCount) return count;
  const overs = resources.filter((_, index) => (room[index] ?? 0) < minCount);
  const list = (of: (resource: (typeof resources)[number]) => number): string =>
    overs.map(of).join(', ');
  throw new Failure(
    'over_quota',
    `Quota exceeded for ${overs.join(', ')}: ` +
      `Requested ${list((over) => each[over] * maxCount)}, ` +
      `but already used ${list((over) => used[over])} of ${list((over) => limits[over])} ` +
      overs.join(', '),
  );
}

async function groupQuotaCheck(
  tx: CellTx,
  group: ServerGroupFound | null,
  limits: QuotaLimits,
  count: number,
): Promise<void> {
  if (group === null || limits.server_group_members < 0) return;
  const { members } = await tx
    .selectFrom('server')
    .select(({ fn }) => fn.countAll<number>().as('members'))
    .where('group_id', '=', group.id)
    .where('deleted', '=', flag(false))
    .executeTakeFirstOrThrow();
  if (Number(members) + count > limits.server_group_members) {
    throw new Failure('over_quota', 'Quota exceeded, too many servers in group');
  }
}

/** What the group's policy means for one more member: settled where its members are counted. */
export async function groupWanted(
  tx: CellTx,
  group: ServerGroupFound | null,
  wanted: Wanted,
): Promise<Wanted> {
  if (group === null) return wanted;
  const rows = await tx
    .selectFrom('server')
    .select(({ fn }) => ['host', fn.countAll<number>().as('members')])
    .where('group_id', '=', group.id)
    .where('deleted', '=', flag(false))
    .where('host', 'is not', null)
    .groupBy('host')
    .execute();
  const hosts = new Set(rows.flatMap(({ host }) => host ?? []));
  if (hosts.size === 0) return wanted;
  switch (group.policy) {
    case 'affinity':
      return {
        ...wanted,
        onlyHosts: wanted.onlyHosts === null ? hosts : wanted.onlyHosts.intersection(hosts),
      };
    case 'soft-affinity':
      return { ...wanted, betterHosts: hosts };
    case 'soft-anti-affinity':
      return { ...wanted, worseHosts: hosts };
    case 'anti-affinity': {
      const full = rows.filter(({ members }) => Number(members) >= group.maxServersPerHost);
      const notHosts = [...wanted.notHosts, ...full.flatMap(({ host }) => host ?? [])];
      return { ...wanted, notHosts: new Set(notHosts) };
    }
  }
}

const letters = 'abcdefghjkmnpqrstuvwxyzABCDEFGHJKMNPQRSTUVWXYZ23456789';

/** Twelve letters without look-alikes. 54 of 256: the bias is below what a password of this length notices. */
export const passwordNew = ({ ids }: Context<ComputeWorld>): string =>
  [...ids.secret(12)].map((byte) => letters[byte % letters.length]).join('');
