import { endpointsOf, type Endpoint } from '../kernel/http/endpoint.ts';
import { Type } from '../kernel/type.ts';
import type { IdentityContext, IdentityWorld } from './identity.world.ts';
import type { Project } from './project.model.ts';
import type { TaggedProject } from './project-change.ts';
import { ProjectCreateBody, ProjectReply, ProjectUpdateBody } from './project.schema.ts';
import { projectCreate, projectDelete, projectGet, projectList, projectUpdate } from './project.ts';
import { projectTree, type ProjectTree } from './project-tree.ts';
import { projectView } from './project.view.ts';
import { listReply, noContent } from './reply.ts';
import { ListReply } from './schema.ts';

const endpoint = endpointsOf<IdentityWorld>();

const One = Type.Object({ project: ProjectReply });

const body = (context: IdentityContext, { project, tags }: TaggedProject) => ({
  project: projectView(context, project, tags),
});

function treeView(context: IdentityContext, { parents, subtree, tags }: ProjectTree) {
  const relatives = (found: NonNullable<ProjectTree['parents']>) =>
    Array.isArray(found)
      ? (found as readonly Project[]).map((project) => ({
          project: projectView(context, project, tags.get(project.id) ?? []),
        }))
      : found;
  return {
    ...(parents !== undefined && { parents: parents === null ? null : relatives(parents) }),
    ...(subtree !== undefined && { subtree: subtree === null ? null : relatives(subtree) }),
  };
}

export const projectRoutes: readonly Endpoint<IdentityWorld>[] = [
  endpoint(
    {
      id: 'projects.list',
      method: 'GET',
      path: '/v3/projects',
      rule: 'identity:list_projects',
      query: [
        'domain_id',
        'enabled',
        'name',
        'parent_id',
        'is_domain',
        'tags',
        'tags-any',
        'not-tags',
        'not-tags-any',
        'limit',
        'marker',
      ],
      reply: { 200: ListReply('projects', ProjectReply) },
      summary: 'List projects',
    },
    async (context, { query }) => {
      const { page, tags } = await projectList(context, query);
      const view = (project: Project) => projectView(context, project, tags.get(project.id) ?? []);
      return listReply(context, { key: 'projects', path: '/projects', query, page, view });
    },
  ),
  endpoint(
    {
      id: 'projects.create',
      method: 'POST',
      path: '/v3/projects',
      rule: 'identity:create_project',
      body: ProjectCreateBody,
      reply: { 201: One },
      summary: 'Create a project',
    },
    async (context, { body: { project } }) => ({
      status: 201,
      body: body(context, await projectCreate(context, project)),
    }),
  ),
  endpoint(
    {
      id: 'projects.get',
      method: 'GET',
      path: '/v3/projects/:projectId',
      rule: 'identity:get_project',
      query: ['parents_as_list', 'parents_as_ids', 'subtree_as_list', 'subtree_as_ids'],
      reply: { 200: One },
      summary: 'Show a project',
    },
    async (context, { params: { projectId = '' }, query }) => {
      const found = await projectGet(context, projectId);
      const tree = await projectTree(context, found.project, query);
      const { project } = body(context, found);
      return { status: 200, body: { project: { ...project, ...treeView(context, tree) } } };
    },
  ),
  endpoint(
    {
      id: 'projects.update',
      method: 'PATCH',
      path: '/v3/projects/:projectId',
      rule: 'identity:update_project',
      body: ProjectUpdateBody,
      reply: { 200: One },
      summary: 'Change a project',
    },
    async (context, { params: { projectId = '' }, body: { project } }) => ({
      status: 200,
      body: body(context, await projectUpdate(context, projectId, project)),
    }),
  ),
  endpoint(
    {
      id: 'projects.delete',
      method: 'DELETE',
      path: '/v3/projects/:projectId',
      rule: 'identity:delete_project',
      reply: { 204: null },
      summary: 'Delete a project',
    },
    async (context, { params: { projectId = '' } }) => {
      await projectDelete(context, projectId);
      return noContent;
    },
  ),
];
