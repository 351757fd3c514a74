import type { Context } from '../kernel/context.ts';
import { causesOf, invalid, notFound } from '../kernel/errors.ts';
import { taskCancel } from '../kernel/task.ts';
import { actionStart } from './action.store.ts';
import type { ComputeWorld } from './compute.world.ts';
import { quotaLimits } from './quota.store.ts';
import { serverChange, type ActGuard, type ServerEdit } from './server-act.ts';
import { serverPut } from './server-apply.ts';
import { metadataCheck } from './server-create-check.ts';
import { serverFor } from './server-get.ts';
import { metadataParse, tagsParse, tagsText, type ServerRow } from './server.model.ts';
import type { CellTx } from './server.store.ts';

type ServerContext = Context<ComputeWorld>;

export interface ServerUpdate {
  readonly name?: string;
  readonly description?: string | null;
  readonly hostname?: string;
  readonly diskConfig?: 'AUTO' | 'MANUAL';
  readonly accessIpV4?: string;
  readonly accessIpV6?: string;
}

export async function serverUpdateBy(
  context: ServerContext,
  id: string,
  update: ServerUpdate,
): Promise<ServerRow> {
  const guard = free('os_compute_api:servers:update', 'update');
  const { name, description, hostname, diskConfig, accessIpV4, accessIpV6 } = update;
  const tellsGuest = name !== undefined || hostname !== undefined;
  const server = await serverChange(context, id, guard, () => ({
    ...(name !== undefined && { name }),
    ...(description !== undefined && { description }),
    ...(hostname !== undefined && { hostname }),
    ...(diskConfig !== undefined && { disk_config: diskConfig }),
    ...(accessIpV4 !== undefined && { access_ip_v4: accessIpV4 }),
    ...(accessIpV6 !== undefined && { access_ip_v6: accessIpV6 }),
    ...(tellsGuest && { generation: 'next' as const }),
  }));
  if (hostname !== undefined) await context.world.network.serverRename(server.id, hostname);
  if (tellsGuest) await agentTell(context, server);
  return server;
}

/** The guest can read of the change when the request is answered; if not now, the reconciler sees to it. */
async function agentTell({ world, log }: ServerContext, server: ServerRow): Promise<void> {
  if (server.host === null || server.task_state !== null) return;
  try {
    await serverPut(world, server.id);
  } catch (error) {
    log.warning('an agent will be told later', { serverId: server.id, causes: causesOf(error) });
  }
}

/** Acts that Nova allows in any state, locked or not. */
const free = (rule: string, word: string): ActGuard => ({
  rule,
  word,
  isLockIgnored: true,
  needsLaunch: false,
});

async function actionRecord(
  tx: CellTx,
  { ids, clock, requestId, actor }: ServerContext,
  server: ServerRow,
  action: string,
): Promise<void> {
  await actionStart(tx, {
    id: ids.uuid(),
    eventId: null,
    serverId: server.id,
    requestId,
    action,
    event: '',
    userId: actor.userId,
    projectId: server.project_id,
    host: server.host,
    now: clock.now(),
  });
}

const isOwner = ({ actor: { scope } }: ServerContext, server: ServerRow): boolean =>
  scope.kind === 'project' && scope.projectId === server.project_id;

export async function serverLock(
  context: ServerContext,
  id: string,
  reason: string | null,
): Promise<void> {
  const guard = free('os_compute_api:os-lock-server:lock', 'lock');
  await serverChange(context, id, guard, async (server, tx): Promise<ServerEdit> => {
    // An owner does not take the lock of an administrator, nor changes the reason of his own.
    if (server.locked_by !== null && isOwner(context, server)) return {};
    await actionRecord(tx, context, server, 'lock');
    return { locked_by: isOwner(context, server) ? 'owner' : 'admin', locked_reason: reason };
  });
}

export async function serverUnlock(context: ServerContext, id: string): Promise<void> {
  const guard = free('os_compute_api:os-lock-server:unlock', 'unlock');
  await serverChange(context, id, guard, async (server, tx) => {
    const expected = isOwner(context, server) ? 'owner' : 'admin';
    if (server.locked_by !== null && server.locked_by !== expected) {
      const target = { project_id: server.project_id };
      context.authorize('os_compute_api:os-lock-server:unlock:unlock_override', target);
    }
    await actionRecord(tx, context, server, 'unlock');
    return { locked_by: null, locked_reason: null };
  });
}

/** For administrators: what the server is thought to be, whatever it is. What was under way is given up. */
export async function serverStateReset(
  context: ServerContext,
  id: string,
  state: 'active' | 'error',
): Promise<void> {
  const guard = free('os_compute_api:os-admin-actions:reset_state', 'reset_state');
  const server = await serverChange(context, id, guard, async (found, tx) => {
    await taskCancel(tx, found.id, context.clock.now());
    await actionRecord(tx, context, found, 'resetState');
    return { vm_state: state, task_state: null };
  });
  context.world.tasks.cancelled(server.id);
}

const settled = ['active', 'paused', 'suspended', 'stopped'];

const metadataGuard = (rule: string, word: string): ActGuard => ({
  rule: `os_compute_api:server-metadata:${rule}`,
  word,
  vmStates: settled,
});

/** Merges, or replaces all. Answers what there is then. */
export async function metadataSet(
  context: ServerContext,
  id: string,
  metadata: Readonly<Record<string, string>>,
  how: 'create' | 'update' | 'update_all',
): Promise<Readonly<Record<string, string>>> {
  const { actor, world } = context;
  const guard = metadataGuard(how, 'update metadata');
  const { project_id } = await serverFor(context, id, guard.rule);
  const limits = await world.region.read((tx) =>
    quotaLimits(tx, { projectId: project_id, userId: actor.userId }, world.settings.quotas),
  );
  const server = await serverChange(context, id, guard, (found) => {
    const all = how === 'update_all' ? metadata : { ...metadataParse(found.metadata), ...metadata };
    metadataCheck(all, limits.metadata_items);
    return { metadata: JSON.stringify(all), generation: 'next' };
  });
  await agentTell(context, server);
  return metadataParse(server.metadata);
}

export async function metadataRemove(
  context: ServerContext,
  id: string,
  key: string,
): Promise<void> {
  const guard = metadataGuard('delete', 'delete metadata');
  const server = await serverChange(context, id, guard, (found) => {
    const { [key]: gone, ...rest } = metadataParse(found.metadata);
    if (gone === undefined) throw metadataMissing();
    return { metadata: JSON.stringify(rest), generation: 'next' };
  });
  await agentTell(context, server);
}

export const metadataMissing = () => notFound('Metadata item was not found');

const tagMax = 50;
const tagGuard = (rule: string, word: string): ActGuard => ({
  rule: `os_compute_api:os-server-tags:${rule}`,
  word,
  vmStates: settled,
  isLockIgnored: true,
  needsLaunch: false,
});

/** False: the server had it already. */
export async function tagAdd(context: ServerContext, id: string, tag: string): Promise<boolean> {
  if (tag.length > 60 || !/^[^,/]+$/.test(tag)) {
    throw invalid(
      `Tag '${tag}' is invalid. It must be a non empty string without characters '/' and ','.`,
    );
  }
  let isNew = true;
  await serverChange(context, id, tagGuard('update', 'update tag'), (server) => {
    const tags = tagsParse(server.tags);
    isNew = !tags.includes(tag);
    if (!isNew) return {};
    if (tags.length >= tagMax) {
      throw invalid(`The number of tags exceeded the per-server limit ${tagMax}`);
    }
    return { tags: tagsText([...tags, tag].toSorted()) };
  });
  return isNew;
}

export async function tagsReplace(
  context: ServerContext,
  id: string,
  tags: readonly string[],
): Promise<readonly string[]> {
  const text = tagsText([...new Set(tags)].toSorted());
  await serverChange(context, id, tagGuard('update_all', 'update tags'), () => ({ tags: text }));
  return tagsParse(text);
}

export async function tagRemove(context: ServerContext, id: string, tag: string): Promise<void> {
  await serverChange(context, id, tagGuard('delete', 'delete tag'), (server) => {
    const tags = tagsParse(server.tags);
    if (!tags.includes(tag)) throw tagMissing(server.id, tag);
    return { tags: tagsText(tags.filter((one) => one !== tag)) };
  });
}

export async function tagsRemove(context: ServerContext, id: string): Promise<void> {
  await serverChange(context, id, tagGuard('delete_all', 'delete tags'), () => ({ tags: '' }));
}

export const tagMissing = (id: string, tag: string) => notFound(`Server ${id} has no tag '${tag}'`);
