import { invalid, notFound } from '../kernel/errors.ts';
import type { Target } from '../kernel/policy.ts';
import {
  directoryListRefresh,
  directoryMembersRefresh,
  directoryReadOnlyCheck,
} from './directory-read.ts';
import { missing } from './failure.ts';
import { membershipEnds } from './federated-user.store.ts';
import { directoryWrite } from './generation.ts';
import type { Group } from './group.model.ts';
import type { GroupCreateWanted, GroupUpdateWanted } from './group.schema.ts';
import {
  groupGet as groupRead,
  groupInsert,
  groupList as groupListRead,
  groupRemove,
  groupUpdate as groupUpdateRow,
} from './group.store.ts';
import type { IdentityContext } from './identity.world.ts';
import { equals, listingAnd, listingOf, pageOf, type Page } from './listing.ts';
import {
  isMember,
  membershipInsert,
  membershipRemove,
  type Membership,
} from './membership.store.ts';
import { projectGet } from './project.store.ts';
import { domainIdOfActor } from './project.ts';
import { extraOf } from './reply.ts';
import type { UserAccount } from './user.model.ts';
import { userGet as userRead, userListOfGroup } from './user.store.ts';
import { userTarget } from './user.ts';

const knownAttributes = ['name', 'domain_id', 'description'];

export const groupTarget = (group: Group | null): Target =>
  group === null ? {} : { 'target.group.id': group.id, 'target.group.domain_id': group.domainId };

export async function groupCreate(
  context: IdentityContext,
  wanted: GroupCreateWanted,
): Promise<Group> {
  const domainId = wanted.domain_id ?? domainIdOfActor(context);
  context.authorize('identity:create_group', { 'target.group.domain_id': domainId });
  await directoryReadOnlyCheck(context.world, { domainId });
  const group: Group = {
    id: context.ids.hex(),
    domainId,
    name: wanted.name.trim(),
    description: wanted.description ?? '',
    extra: extraOf(wanted, knownAttributes),
  };
  await context.world.db.write(async (tx) => {
    if ((await projectGet(tx, domainId))?.isDomain !== true) throw missing('domain', domainId);
    await groupInsert(tx, group);
  });
  return group;
}

export async function groupGet(
  context: IdentityContext,
  id: string,
  rule = 'identity:get_group',
): Promise<Group> {
  const group = await context.world.db.read((tx) => groupRead(tx, id));
  context.authorize(rule, groupTarget(group));
  if (group === null) throw missing('group', id);
  return group;
}

export async function groupList(
  context: IdentityContext,
  query: URLSearchParams,
): Promise<Page<Group>> {
  const { scope } = context.actor;
  const own = scope.kind === 'domain' ? scope.domainId : null;
  context.authorize('identity:list_groups', { 'target.group.domain_id': own ?? undefined });
  const asked = listingOf(query, { domain_id: 'text', name: 'text' });
  const listing = own === null ? asked : listingAnd(asked, equals('domain_id', own));
  await directoryListRefresh(context.world, 'group', {
    domainId: own ?? query.get('domain_id'),
    name: query.get('name'),
  });
  return pageOf(await context.world.db.read((tx) => groupListRead(tx, listing)), listing);
}

export async function groupListOfUser(
  context: IdentityContext,
  userId: string,
  query: URLSearchParams,
): Promise<{ page: Page<Group>; endsMs: ReadonlyMap<string, number> }> {
  const { scope } = context.actor;
  const asked = listingOf(query, { name: 'text' });
  const own = scope.kind === 'domain' ? equals('domain_id', scope.domainId) : null;
  const listing = own === null ? asked : listingAnd(asked, own);
  await directoryMembersRefresh(context.world, userId);
  const nowMs = context.clock.now();
  const { user, groups, endsMs } = await context.world.db.read(async (tx) => ({
    user: await userRead(tx, userId),
    groups: await groupListRead(tx, listing, { userId, nowMs }),
    endsMs: await membershipEnds(tx, userId, nowMs),
  }));
  context.authorize('identity:list_groups_for_user', { ...userTarget(user), user_id: userId });
  if (user === null) throw missing('user', userId);
  return { page: pageOf(groups, listing), endsMs };
}

export async function groupUpdate(
  context: IdentityContext,
  id: string,
  wanted: GroupUpdateWanted,
): Promise<Group> {
  const seen = await groupGet(context, id, 'identity:update_group');
  await directoryReadOnlyCheck(context.world, { ids: [id] });
  const { id: bodyId } = wanted as { readonly id?: unknown };
  if (bodyId !== undefined && bodyId !== id) throw invalid('Cannot change group ID');
  if (wanted.domain_id !== undefined && wanted.domain_id !== seen.domainId) {
    throw invalid('Cannot change Domain ID');
  }
  return await context.world.db.write(async (tx) => {
    const held = await groupRead(tx, id);
    if (held === null) throw missing('group', id);
    const next: Group = {
      ...held,
      name: wanted.name?.trim() ?? held.name,
      description: wanted.description ?? (wanted.description === null ? '' : held.description),
      extra: { ...held.extra, ...extraOf(wanted, knownAttributes) },
    };
    await groupUpdateRow(tx, next);
    return next;
  });
}

export async function groupDelete(context: IdentityContext, id: string): Promise<void> {
  await groupGet(context, id, 'identity:delete_group');
  await directoryReadOnlyCheck(context.world, { ids: [id] });
  await directoryWrite(context.world, async (tx) => {
    if ((await groupRead(tx, id)) === null) throw missing('group', id);
    await groupRemove(tx, id);
  });
}

export async function groupUsers(
  context: IdentityContext,
  groupId: string,
  query: URLSearchParams,
): Promise<Page<UserAccount>> {
  await groupGet(context, groupId, 'identity:list_users_in_group');
  await directoryMembersRefresh(context.world, groupId);
  const { clock, actor } = context;
  const { scope } = actor;
  const asked = listingOf(query, { domain_id: 'text', enabled: 'flag', name: 'text' });
  const listing =
    scope.kind === 'domain' ? listingAnd(asked, equals('domain_id', scope.domainId)) : asked;
  const users = await context.world.db.read((tx) =>
    userListOfGroup(tx, { groupId, nowMs: clock.now() }, listing),
  );
  return pageOf(users, listing);
}

async function pairAuthorize(
  context: IdentityContext,
  { groupId, userId }: Membership,
  rule: string,
): Promise<void> {
  const { user, group } = await context.world.db.read(async (tx) => ({
    user: await userRead(tx, userId),
    group: await groupRead(tx, groupId),
  }));
  context.authorize(rule, { ...userTarget(user), ...groupTarget(group) });
  if (group === null) throw missing('group', groupId);
  if (user === null) throw missing('user', userId);
}

export async function membershipAdd(
  context: IdentityContext,
  membership: Membership,
): Promise<void> {
  await pairAuthorize(context, membership, 'identity:add_user_to_group');
  await directoryReadOnlyCheck(context.world, { ids: [membership.groupId, membership.userId] });
  await directoryWrite(context.world, (tx) => membershipInsert(tx, membership));
}

const noMember = ({ userId, groupId }: Membership) =>
  notFound(`User '${userId}' not found in group '${groupId}'.`);

export async function membershipCheck(
  context: IdentityContext,
  membership: Membership,
): Promise<void> {
  await pairAuthorize(context, membership, 'identity:check_user_in_group');
  await directoryMembersRefresh(context.world, membership.userId);
  if (!(await context.world.db.read((tx) => isMember(tx, membership, context.clock.now()))))
    throw noMember(membership);
}

export async function membershipDelete(
  context: IdentityContext,
  membership: Membership,
): Promise<void> {
  await pairAuthorize(context, membership, 'identity:remove_user_from_group');
  await directoryReadOnlyCheck(context.world, { ids: [membership.groupId, membership.userId] });
  const wasThere = await directoryWrite(context.world, (tx) => membershipRemove(tx, membership));
  if (!wasThere) throw noMember(membership);
}
