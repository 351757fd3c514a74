import { endpointsOf, type Endpoint } from '../kernel/http/endpoint.ts';
import { Type } from '../kernel/type.ts';
import { DomainCreateBody, DomainReply, DomainUpdateBody } from './domain.schema.ts';
import { domainCreate, domainDelete, domainGet, domainList, domainUpdate } from './domain.ts';
import type { IdentityContext, IdentityWorld } from './identity.world.ts';
import type { Project } from './project.model.ts';
import type { TaggedProject } from './project-change.ts';
import { domainView } from './project.view.ts';
import { listReply, noContent } from './reply.ts';
import { ListReply } from './schema.ts';

const endpoint = endpointsOf<IdentityWorld>();

const One = Type.Object({ domain: DomainReply });
const body = (context: IdentityContext, { project, tags }: TaggedProject) => ({
  domain: domainView(context, project, tags),
});

export const domainRoutes: readonly Endpoint<IdentityWorld>[] = [
  endpoint(
    {
      id: 'domains.list',
      method: 'GET',
      path: '/v3/domains',
      rule: 'identity:list_domains',
      query: ['name', 'enabled', 'limit', 'marker'],
      reply: { 200: ListReply('domains', DomainReply) },
      summary: 'List domains',
    },
    async (context, { query }) => {
      const { page, tags } = await domainList(context, query);
      const view = (domain: Project) => domainView(context, domain, tags.get(domain.id) ?? []);
      return listReply(context, { key: 'domains', path: '/domains', query, page, view });
    },
  ),
  endpoint(
    {
      id: 'domains.create',
      method: 'POST',
      path: '/v3/domains',
      rule: 'identity:create_domain',
      body: DomainCreateBody,
      reply: { 201: One },
      summary: 'Create a domain',
    },
    async (context, { body: { domain } }) => ({
      status: 201,
      body: body(context, await domainCreate(context, domain)),
    }),
  ),
  endpoint(
    {
      id: 'domains.get',
      method: 'GET',
      path: '/v3/domains/:domainId',
      rule: 'identity:get_domain',
      reply: { 200: One },
      summary: 'Show a domain',
    },
    async (context, { params: { domainId = '' } }) => ({
      status: 200,
      body: body(context, await domainGet(context, domainId)),
    }),
  ),
  endpoint(
    {
      id: 'domains.update',
      method: 'PATCH',
      path: '/v3/domains/:domainId',
      rule: 'identity:update_domain',
      body: DomainUpdateBody,
      reply: { 200: One },
      summary: 'Change a domain',
    },
    async (context, { params: { domainId = '' }, body: { domain } }) => ({
      status: 200,
      body: body(context, await domainUpdate(context, domainId, domain)),
    }),
  ),
  endpoint(
    {
      id: 'domains.delete',
      method: 'DELETE',
      path: '/v3/domains/:domainId',
      rule: 'identity:delete_domain',
      reply: { 204: null },
      summary: 'Delete a disabled domain and all in it',
    },
    async (context, { params: { domainId = '' } }) => {
      await domainDelete(context, domainId);
      return noContent;
    },
  ),
];
