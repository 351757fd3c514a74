import { Check } from 'typebox/schema';
import { invalid, notFound } from '../kernel/errors.ts';
import { endpointsOf, type Endpoint } from '../kernel/http/endpoint.ts';
import { Type } from '../kernel/type.ts';
import type { IdentityContext, IdentityWorld } from './identity.world.ts';
import { projectTagInsert, projectTagRemove, projectTagsSet } from './project.store.ts';
import { TagList, tagsMax, TagText } from './project.schema.ts';
import { projectGet } from './project.ts';
import { linkTo, noContent, selfLink } from './reply.ts';
import { SelfLink } from './schema.ts';

const endpoint = endpointsOf<IdentityWorld>();

const Tags = Type.Object({ tags: Type.Array(Type.String()), links: SelfLink });
const path = '/v3/projects/:projectId/tags';
const view = (context: IdentityContext, projectId: string, tags: readonly string[]) => ({
  tags,
  links: selfLink(context, `/projects/${projectId}/tags`),
});

export const projectTagRoutes: readonly Endpoint<IdentityWorld>[] = [
  endpoint(
    {
      id: 'projectTags.list',
      method: 'GET',
      path,
      rule: 'identity:list_project_tags',
      reply: { 200: Tags },
      summary: 'List the tags of a project',
    },
    async (context, { params: { projectId = '' } }) => {
      const { tags } = await projectGet(context, projectId, 'identity:list_project_tags');
      return { status: 200, body: view(context, projectId, tags) };
    },
  ),
  endpoint(
    {
      id: 'projectTags.replace',
      method: 'PUT',
      path,
      rule: 'identity:update_project_tags',
      body: Type.Object({ tags: TagList }),
      reply: { 200: Tags },
      summary: 'Replace the tags of a project',
    },
    async (context, { params: { projectId = '' }, body: { tags } }) => {
      await projectGet(context, projectId, 'identity:update_project_tags');
      await context.world.db.write((tx) => projectTagsSet(tx, projectId, tags));
      return { status: 200, body: view(context, projectId, tags) };
    },
  ),
  endpoint(
    {
      id: 'projectTags.clear',
      method: 'DELETE',
      path,
      rule: 'identity:delete_project_tags',
      reply: { 204: null },
      summary: 'Remove all tags of a project',
    },
    async (context, { params: { projectId = '' } }) => {
      await projectGet(context, projectId, 'identity:delete_project_tags');
      await context.world.db.write((tx) => projectTagsSet(tx, projectId, []));
      return noContent;
    },
  ),
  endpoint(
    {
      id: 'projectTags.check',
      method: 'GET',
      path: `${path}/:tag`,
      rule: 'identity:get_project_tag',
      reply: { 204: null },
      summary: 'Whether a project has a tag',
    },
    async (context, { params: { projectId = '', tag = '' } }) => {
      const { tags } = await projectGet(context, projectId, 'identity:get_project_tag');
      if (!tags.includes(tag)) throw notFound(`Could not find project tag: ${tag}.`);
      return noContent;
    },
  ),
  endpoint(
    {
      id: 'projectTags.add',
      method: 'PUT',
      path: `${path}/:tag`,
      rule: 'identity:create_project_tag',
      reply: { 201: null },
      summary: 'Add a tag to a project',
    },
    async (context, { params: { projectId = '', tag = '' } }) => {
      await projectGet(context, projectId, 'identity:create_project_tag');
      if (!Check(TagText, tag)) throw invalid('Invalid input for field/attribute tag.');
      const hasRoom = await context.world.db.write((tx) =>
        projectTagInsert(tx, projectId, { tag, limit: tagsMax }),
      );
      if (!hasRoom) throw invalid(`A project has at most ${tagsMax} tags.`);
      const Location = linkTo(context, `/projects/${projectId}/tags/${encodeURIComponent(tag)}`);
      return { status: 201, headers: { Location } };
    },
  ),
  endpoint(
    {
      id: 'projectTags.remove',
      method: 'DELETE',
      path: `${path}/:tag`,
      rule: 'identity:delete_project_tag',
      reply: { 204: null },
      summary: 'Remove a tag from a project',
    },
    async (context, { params: { projectId = '', tag = '' } }) => {
      await projectGet(context, projectId, 'identity:delete_project_tag');
      const wasThere = await context.world.db.write((tx) => projectTagRemove(tx, projectId, tag));
      if (!wasThere) throw notFound(`Could not find project tag: ${tag}.`);
      return noContent;
    },
  ),
];
