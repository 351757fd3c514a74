import { endpointsOf, type Endpoint } from '../kernel/http/endpoint.ts';
import { Type } from '../kernel/type.ts';
import type { Group } from './group.model.ts';
import { GroupCreateBody, GroupReply, GroupUpdateBody } from './group.schema.ts';
import {
  groupCreate,
  groupDelete,
  groupGet,
  groupList,
  groupUpdate,
  groupUsers,
  membershipAdd,
  membershipCheck,
  membershipDelete,
} from './group.ts';
import type { IdentityContext, IdentityWorld } from './identity.world.ts';
import { listReply, noContent, selfLink } from './reply.ts';
import { ListReply } from './schema.ts';
import { UserReply } from './user.schema.ts';
import { userView } from './user.view.ts';

const endpoint = endpointsOf<IdentityWorld>();

const One = Type.Object({ group: GroupReply });

export const groupView = (context: IdentityContext, group: Group) => ({
  ...group.extra,
  id: group.id,
  name: group.name,
  domain_id: group.domainId,
  description: group.description,
  links: selfLink(context, `/groups/${group.id}`),
});

const member = '/v3/groups/:groupId/users/:userId';

export const groupRoutes: readonly Endpoint<IdentityWorld>[] = [
  endpoint(
    {
      id: 'groups.list',
      method: 'GET',
      path: '/v3/groups',
      rule: 'identity:list_groups',
      query: ['domain_id', 'name', 'limit', 'marker'],
      reply: { 200: ListReply('groups', GroupReply) },
      summary: 'List groups',
    },
    async (context, { query }) =>
      listReply(context, {
        key: 'groups',
        path: '/groups',
        query,
        page: await groupList(context, query),
        view: (group) => groupView(context, group),
      }),
  ),
  endpoint(
    {
      id: 'groups.create',
      method: 'POST',
      path: '/v3/groups',
      rule: 'identity:create_group',
      body: GroupCreateBody,
      reply: { 201: One },
      summary: 'Create a group',
    },
    async (context, { body: { group } }) => ({
      status: 201,
      body: { group: groupView(context, await groupCreate(context, group)) },
    }),
  ),
  endpoint(
    {
      id: 'groups.get',
      method: 'GET',
      path: '/v3/groups/:groupId',
      rule: 'identity:get_group',
      reply: { 200: One },
      summary: 'Show a group',
    },
    async (context, { params: { groupId = '' } }) => ({
      status: 200,
      body: { group: groupView(context, await groupGet(context, groupId)) },
    }),
  ),
  endpoint(
    {
      id: 'groups.update',
      method: 'PATCH',
      path: '/v3/groups/:groupId',
      rule: 'identity:update_group',
      body: GroupUpdateBody,
      reply: { 200: One },
      summary: 'Change a group',
    },
    async (context, { params: { groupId = '' }, body: { group } }) => ({
      status: 200,
      body: { group: groupView(context, await groupUpdate(context, groupId, group)) },
    }),
  ),
  endpoint(
    {
      id: 'groups.delete',
      method: 'DELETE',
      path: '/v3/groups/:groupId',
      rule: 'identity:delete_group',
      reply: { 204: null },
      summary: 'Delete a group',
    },
    async (context, { params: { groupId = '' } }) => {
      await groupDelete(context, groupId);
      return noContent;
    },
  ),
  endpoint(
    {
      id: 'groups.users',
      method: 'GET',
      path: '/v3/groups/:groupId/users',
      rule: 'identity:list_users_in_group',
      query: ['domain_id', 'enabled', 'name', 'limit', 'marker'],
      reply: { 200: ListReply('users', UserReply) },
      summary: 'Users in a group',
    },
    async (context, { params: { groupId = '' }, query }) =>
      listReply(context, {
        key: 'users',
        path: `/groups/${groupId}/users`,
        query,
        page: await groupUsers(context, groupId, query),
        view: (user) => userView(context, user),
      }),
  ),
  endpoint(
    {
      id: 'groups.userAdd',
      method: 'PUT',
      path: member,
      rule: 'identity:add_user_to_group',
      reply: { 204: null },
      summary: 'Put a user into a group',
    },
    async (context, { params: { groupId = '', userId = '' } }) => {
      await membershipAdd(context, { groupId, userId });
      return noContent;
    },
  ),
  endpoint(
    {
      id: 'groups.userCheck',
      method: 'GET',
      path: member,
      rule: 'identity:check_user_in_group',
      reply: { 204: null },
      summary: 'Whether a user is in a group',
    },
    async (context, { params: { groupId = '', userId = '' } }) => {
      await membershipCheck(context, { groupId, userId });
      return noContent;
    },
  ),
  endpoint(
    {
      id: 'groups.userRemove',
      method: 'DELETE',
      path: member,
      rule: 'identity:remove_user_from_group',
      reply: { 204: null },
      summary: 'Take a user out of a group',
    },
    async (context, { params: { groupId = '', userId = '' } }) => {
      await membershipDelete(context, { groupId, userId });
      return noContent;
    },
  ),
];
