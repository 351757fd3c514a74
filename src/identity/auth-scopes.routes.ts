import type { IncomingHttpHeaders } from 'node:http';
import { endpointsOf, type Endpoint } from '../kernel/http/endpoint.ts';
import { Type } from '../kernel/type.ts';
import {
  domainListOfUser,
  isSystemReachable,
  projectListOfUser,
  type Chooser,
} from './auth-scopes.ts';
import { requestToken } from './delegation.ts';
import { DomainReply } from './domain.schema.ts';
import type { IdentityContext, IdentityWorld } from './identity.world.ts';
import { wholePage } from './listing.ts';
import { ProjectReply } from './project.schema.ts';
import { domainView, projectView } from './project.view.ts';
import { linkTo, listReply } from './reply.ts';
import { ListReply, SelfLink } from './schema.ts';

const endpoint = endpointsOf<IdentityWorld>();

/** Roles through groups of which only the token knows count as well. */
async function chooserOf(context: IdentityContext, headers: IncomingHttpHeaders): Promise<Chooser> {
  const { claims } = await requestToken(context, headers);
  return { userId: context.actor.userId, assertionId: claims.assertionId };
}

const projects = (id: string, path: string): Endpoint<IdentityWorld> =>
  endpoint(
    {
      id,
      method: 'GET',
      path: `/v3${path}`,
      rule: 'identity:get_auth_projects',
      reply: { 200: ListReply('projects', ProjectReply) },
      summary: 'Projects that the user can choose as scope',
    },
    async (context, { query, headers }) => {
      context.authorize('identity:get_auth_projects');
      const chooser = await chooserOf(context, headers);
      const { projects: found, tags } = await projectListOfUser(context.world, chooser);
      return listReply(context, {
        key: 'projects',
        path,
        query,
        page: wholePage(found),
        view: (project) => projectView(context, project, tags.get(project.id) ?? []),
      });
    },
  );

const domains = (id: string, path: string): Endpoint<IdentityWorld> =>
  endpoint(
    {
      id,
      method: 'GET',
      path: `/v3${path}`,
      rule: 'identity:get_auth_domains',
      reply: { 200: ListReply('domains', DomainReply) },
      summary: 'Domains that the user can choose as scope',
    },
    async (context, { query, headers }) => {
      context.authorize('identity:get_auth_domains');
      const chooser = await chooserOf(context, headers);
      const { domains: found, tags } = await domainListOfUser(context.world, chooser);
      return listReply(context, {
        key: 'domains',
        path,
        query,
        page: wholePage(found),
        view: (domain) => domainView(context, domain, tags.get(domain.id) ?? []),
      });
    },
  );

export const authScopeRoutes: readonly Endpoint<IdentityWorld>[] = [
  projects('auth.projects', '/auth/projects'),
  projects('federation.projects', '/OS-FEDERATION/projects'),
  domains('auth.domains', '/auth/domains'),
  domains('federation.domains', '/OS-FEDERATION/domains'),
  endpoint(
    {
      id: 'auth.system',
      method: 'GET',
      path: '/v3/auth/system',
      rule: 'identity:get_auth_system',
      reply: {
        200: Type.Object({
          system: Type.Array(Type.Object({ all: Type.Literal(true) })),
          links: SelfLink,
        }),
      },
      summary: 'Whether the user can choose the system as scope',
    },
    async (context, { headers }) => {
      context.authorize('identity:get_auth_system');
      const chooser = await chooserOf(context, headers);
      const isReachable = await isSystemReachable(context.world, chooser);
      return {
        status: 200,
        body: {
          system: isReachable ? [{ all: true }] : [],
          links: { self: linkTo(context, '/auth/system') },
        },
      };
    },
  ),
];
