import { conflict, type Failure } from '../kernel/errors.ts';
import { flag } from '../kernel/db.ts';
import {
  authorizeWish,
  projectFor,
  type Act,
  type Loaded,
  type NetworkContext,
} from './collection.ts';
import { asBoolean } from './collection.schema.ts';
import { revisionRaise } from './collection.store.ts';
import type { Columns } from './collection.routes.ts';
import { missingOf } from './network.errors.ts';
import type { SecurityGroupRuleTable, SecurityGroupTable } from './network.tables.ts';
import { networkWrite, type Work } from './network.world.ts';
import { quotaTake } from './quota.store.ts';
import { ruleExists, ruleKey, ruleRead, type Rule } from './security-group-rule.model.ts';
import type {
  GroupChange,
  GroupView,
  GroupWish,
  RuleView,
  RuleWish,
} from './security-group.schema.ts';

/** Every project has a group `default`; it comes to be when it is first looked for. */
export async function defaultGroupEnsure(work: Work, projectId: string): Promise<string> {
  const { tx } = work;
  const found = await tx
    .selectFrom('security_group')
    .select('id')
    .where('project_id', '=', projectId)
    .where('is_default', '=', 1)
    .executeTakeFirst();
  if (found !== undefined) return found.id;
  const id = await groupInsert(work, {
    projectId,
    name: 'default',
    description: 'Default security group',
    isStateful: true,
    isDefault: true,
  });
  for (const ethertype of ['IPv4', 'IPv6'] as const) {
    await ruleInsert(work, projectId, id, { ...anything, ethertype, remote_group_id: id });
  }
  return id;
}

/** Before a list or a look: reads stay reads, unless the project has no default group yet. */
export async function defaultGroupFor(context: NetworkContext): Promise<void> {
  const { scope } = context.actor;
  if (scope.kind !== 'project') return;
  const { world } = context;
  const found = await world.db.read((tx) =>
    tx
      .selectFrom('security_group')
      .select('id')
      .where('project_id', '=', scope.projectId)
      .where('is_default', '=', 1)
      .executeTakeFirst(),
  );
  if (found === undefined) {
    await networkWrite(world, (work) => defaultGroupEnsure(work, scope.projectId));
  }
}

const anything = {
  direction: 'ingress',
  protocol: null,
  port_range_min: null,
  port_range_max: null,
  remote_group_id: null,
  remote_ip_prefix: null,
} as const;

interface GroupNew {
  readonly projectId: string;
  readonly name: string;
  readonly description: string;
  readonly isStateful: boolean;
  readonly isDefault: boolean;
}

/** With the two rules that let everything out. */
async function groupInsert(work: Work, group: GroupNew): Promise<string> {
  const { tx, world, now } = work;
  const id = world.ids.uuid();
  await tx
    .insertInto('security_group')
    .values({
      id,
      project_id: group.projectId,
      name: group.name,
      description: group.description,
      stateful: flag(group.isStateful),
      is_default: flag(group.isDefault),
      revision: 1,
      created_at: now,
      updated_at: now,
    })
    .execute();
  for (const ethertype of ['IPv4', 'IPv6'] as const) {
    await ruleInsert(work, group.projectId, id, { ...anything, direction: 'egress', ethertype });
  }
  return id;
}

async function ruleInsert(
  { tx, world, now }: Work,
  projectId: string,
  groupId: string,
  rule: Rule & { readonly description?: string },
): Promise<string> {
  const id = world.ids.uuid();
  await tx
    .insertInto('security_group_rule')
    .values({
      id,
      project_id: projectId,
      security_group_id: groupId,
      description: '',
      ...rule,
      revision: 0,
      created_at: now,
      updated_at: now,
    })
    .execute();
  return id;
}

const defaultExists = (): Failure =>
  conflict('Default security group already exists.', { type: 'SecurityGroupDefaultAlreadyExists' });

export async function securityGroupCreate(
  { context, work }: Act,
  wish: GroupWish,
): Promise<string> {
  const projectId = projectFor(context, wish);
  const target = { project_id: projectId, tenant_id: projectId };
  authorizeWish(context, 'create', 'security_group', { wish, guards: {}, target });
  await defaultGroupEnsure(work, projectId);
  const name = wish.name ?? '';
  if (name.toLowerCase() === 'default') throw defaultExists();
  await quotaTake(work.tx, work.world, 'security_group', projectId);
  return groupInsert(work, {
    projectId,
    name,
    description: wish.description ?? '',
    isStateful: asBoolean(wish.stateful ?? true),
    isDefault: false,
  });
}

export async function securityGroupUpdate(
  { context, work }: Act,
  { row, target }: Loaded<SecurityGroupTable, GroupView>,
  wish: GroupChange,
): Promise<Columns<SecurityGroupTable>> {
  authorizeWish(context, 'update', 'security_group', { wish, guards: {}, target });
  const { name, description, stateful } = wish;
  if (row.is_default === 1 && name !== undefined && name !== row.name) {
    throw conflict('Updating default security group not allowed.', {
      type: 'SecurityGroupCannotUpdateDefault',
    });
  }
  if (row.is_default === 0 && name?.toLowerCase() === 'default') throw defaultExists();
  const changed = flag(asBoolean(stateful ?? row.stateful === 1));
  if (changed !== row.stateful && (await groupHasPorts(work, row.id))) throw groupInUse(row.id);
  work.touched.groups.add(row.id);
  return {
    ...(name !== undefined && { name }),
    ...(description !== undefined && { description }),
    stateful: changed,
  };
}

export async function securityGroupDelete(
  { context, work }: Act,
  { row }: Loaded<SecurityGroupTable, GroupView>,
): Promise<void> {
  if (row.is_default === 1 && !context.allows('context_is_admin')) {
    throw conflict('Insufficient rights for removing default security group.', {
      type: 'SecurityGroupCannotRemoveDefault',
    });
  }
  if (await groupHasPorts(work, row.id)) throw groupInUse(row.id);
  const naming = await work.tx
    .selectFrom('security_group_rule')
    .select('security_group_id')
    .where('remote_group_id', '=', row.id)
    .execute();
  for (const { security_group_id } of naming) work.touched.groups.add(security_group_id);
  await work.tx.deleteFrom('security_group').where('id', '=', row.id).execute();
}

const groupInUse = (id: string): Failure =>
  conflict(`Security Group ${id} in use.`, { type: 'SecurityGroupInUse' });

async function groupHasPorts({ tx }: Work, id: string): Promise<boolean> {
  const port = await tx
    .selectFrom('port_security_group')
    .select('port_id')
    .where('group_id', '=', id)
    .executeTakeFirst();
  return port !== undefined;
}

export async function securityGroupRuleCreate(
  { context, work }: Act,
  wish: RuleWish,
): Promise<string> {
  const { tx, world } = work;
  const projectId = projectFor(context, wish);
  const group = await groupVisible(context, work, wish.security_group_id);
  const target = {
    project_id: projectId,
    tenant_id: projectId,
    'security_group:project_id': group.project_id,
    'security_group:tenant_id': group.project_id,
  };
  authorizeWish(context, 'create', 'security_group_rule', { wish, guards: {}, target });
  const rule = ruleRead({
    direction: wish.direction,
    ethertype: wish.ethertype ?? 'IPv4',
    protocol: wish.protocol ?? null,
    portMin: wish.port_range_min ?? null,
    portMax: wish.port_range_max ?? null,
    remoteGroupId: wish.remote_group_id ?? null,
    remoteIpPrefix: wish.remote_ip_prefix ?? null,
  });
  if (rule.remote_group_id !== null) await groupVisible(context, work, rule.remote_group_id);
  const existing = await tx
    .selectFrom('security_group_rule')
    .selectAll()
    .where('security_group_id', '=', group.id)
    .execute();
  const same = existing.find((one) => ruleKey(one) === ruleKey(rule));
  if (same !== undefined) throw ruleExists(same.id);
  await quotaTake(tx, world, 'security_group_rule', projectId);
  await revisionRaise(tx, 'security_group', group.id, work.now);
  work.touched.groups.add(group.id);
  return ruleInsert(work, group.project_id, group.id, {
    ...rule,
    description: wish.description ?? '',
  });
}

async function groupVisible(
  context: NetworkContext,
  { tx }: Work,
  id: string,
): Promise<SecurityGroupTable> {
  const group = await tx
    .selectFrom('security_group')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirst();
  const target = { project_id: group?.project_id, shared: false };
  if (group === undefined || !context.allows('get_security_group', target)) {
    throw missingOf('security_group', id);
  }
  return group;
}

export async function securityGroupRuleDelete(
  { work }: Act,
  { row }: Loaded<SecurityGroupRuleTable, RuleView>,
): Promise<void> {
  await work.tx.deleteFrom('security_group_rule').where('id', '=', row.id).execute();
  await revisionRaise(work.tx, 'security_group', row.security_group_id, work.now);
  work.touched.groups.add(row.security_group_id);
}
