import { isoMicroseconds } from '../kernel/clock.ts';
import { endpointsOf, type Endpoint } from '../kernel/http/endpoint.ts';
import { Type } from '../kernel/type.ts';
import { projectListOfUser } from './auth-scopes.ts';
import { federatedView } from './federated-link.ts';
import { groupView } from './group.routes.ts';
import type { Group } from './group.model.ts';
import { GroupReply } from './group.schema.ts';
import { groupListOfUser } from './group.ts';
import type { IdentityContext, IdentityWorld } from './identity.world.ts';
import { wholePage } from './listing.ts';
import { ProjectReply } from './project.schema.ts';
import { projectView } from './project.view.ts';
import { listReply, noContent } from './reply.ts';
import { ListReply } from './schema.ts';
import { PasswordChangeBody, UserCreateBody, UserReply, UserUpdateBody } from './user.schema.ts';
import {
  federatedFilters,
  passwordChange,
  userCreate,
  userDelete,
  userGet,
  userList,
  userUpdate,
} from './user.ts';
import type { UserAccount } from './user.model.ts';
import { userView } from './user.view.ts';

const endpoint = endpointsOf<IdentityWorld>();

const One = Type.Object({ user: UserReply });

/** Lists do not tell who comes from a provider. */
const view = async (context: IdentityContext, user: UserAccount) => ({
  ...userView(context, user),
  ...(await federatedView(context, user.id)),
});

async function groupsOfUser(context: IdentityContext, userId: string, query: URLSearchParams) {
  const { page, endsMs } = await groupListOfUser(context, userId, query);
  return {
    page,
    view: (group: Group) => {
      const endMs = endsMs.get(group.id);
      return {
        ...groupView(context, group),
        // Keystone leaves the Z off.
        ...(endMs !== undefined && { membership_expires_at: isoMicroseconds(endMs).slice(0, -1) }),
      };
    },
  };
}

export const userRoutes: readonly Endpoint<IdentityWorld>[] = [
  endpoint(
    {
      id: 'users.list',
      method: 'GET',
      path: '/v3/users',
      rule: 'identity:list_users',
      query: [
        'domain_id',
        'enabled',
        'name',
        'default_project_id',
        ...federatedFilters,
        'limit',
        'marker',
      ],
      reply: { 200: ListReply('users', UserReply) },
      summary: 'List users',
    },
    async (context, { query }) =>
      listReply(context, {
        key: 'users',
        path: '/users',
        query,
        page: await userList(context, query),
        view: (user) => userView(context, user),
      }),
  ),
  endpoint(
    {
      id: 'users.create',
      method: 'POST',
      path: '/v3/users',
      rule: 'identity:create_user',
      body: UserCreateBody,
      reply: { 201: One },
      summary: 'Create a user',
    },
    async (context, { body: { user } }) => ({
      status: 201,
      body: { user: await view(context, await userCreate(context, user)) },
    }),
  ),
  endpoint(
    {
      id: 'users.get',
      method: 'GET',
      path: '/v3/users/:userId',
      rule: 'identity:get_user',
      reply: { 200: One },
      summary: 'Show a user',
    },
    async (context, { params: { userId = '' } }) => ({
      status: 200,
      body: { user: await view(context, await userGet(context, userId)) },
    }),
  ),
  endpoint(
    {
      id: 'users.update',
      method: 'PATCH',
      path: '/v3/users/:userId',
      rule: 'identity:update_user',
      body: UserUpdateBody,
      reply: { 200: One },
      summary: 'Change a user',
    },
    async (context, { params: { userId = '' }, body: { user } }) => ({
      status: 200,
      body: { user: await view(context, await userUpdate(context, userId, user)) },
    }),
  ),
  endpoint(
    {
      id: 'users.delete',
      method: 'DELETE',
      path: '/v3/users/:userId',
      rule: 'identity:delete_user',
      reply: { 204: null },
      summary: 'Delete a user',
    },
    async (context, { params: { userId = '' } }) => {
      await userDelete(context, userId);
      return noContent;
    },
  ),
  endpoint(
    {
      id: 'users.password',
      method: 'POST',
      path: '/v3/users/:userId/password',
      rule: null,
      auth: 'none',
      body: PasswordChangeBody,
      reply: { 204: null },
      summary: 'Change the own password, proved by the old one',
    },
    async (context, { params: { userId = '' }, body: { user } }) => {
      await passwordChange(context, userId, user);
      return noContent;
    },
  ),
  endpoint(
    {
      id: 'users.groups',
      method: 'GET',
      path: '/v3/users/:userId/groups',
      rule: 'identity:list_groups_for_user',
      query: ['name', 'limit', 'marker'],
      reply: { 200: ListReply('groups', GroupReply) },
      summary: 'Groups that a user is in',
    },
    async (context, { params: { userId = '' }, query }) =>
      listReply(context, {
        key: 'groups',
        path: `/users/${userId}/groups`,
        query,
        ...(await groupsOfUser(context, userId, query)),
      }),
  ),
  endpoint(
    {
      id: 'users.projects',
      method: 'GET',
      path: '/v3/users/:userId/projects',
      rule: 'identity:list_user_projects',
      query: ['domain_id', 'enabled', 'name'],
      reply: { 200: ListReply('projects', ProjectReply) },
      summary: 'Projects on which a user has a role',
    },
    async (context, { params: { userId = '' }, query }) => {
      await userGet(context, userId, 'identity:list_user_projects');
      const { projects, tags } = await projectListOfUser(context.world, { userId });
      const name = query.get('name');
      const domainId = query.get('domain_id');
      const found = projects.filter(
        (project) =>
          (name === null || project.name === name) &&
          (domainId === null || project.domainId === domainId),
      );
      return listReply(context, {
        key: 'projects',
        path: `/users/${userId}/projects`,
        query,
        page: wholePage(found),
        view: (project) => projectView(context, project, tags.get(project.id) ?? []),
      });
    },
  ),
];
