import { invalid } from '../kernel/errors.ts';
import { endpointsOf } from '../kernel/http/endpoint.ts';
import { Type } from '../kernel/type.ts';
import type { ComputeWorld } from './compute.world.ts';
import {
  metadataMissing,
  metadataRemove,
  metadataSet,
  tagAdd,
  tagMissing,
  tagRemove,
  tagsRemove,
  tagsReplace,
} from './server-edit.ts';
import { serverFor } from './server-get.ts';
import { metadataParse, tagsParse } from './server.model.ts';
import { Metadata, strict, Tags } from './server.schema.ts';

const endpoint = endpointsOf<ComputeWorld>();
const metadataPath = '/v2.1/servers/:serverId/metadata';
const rule = (name: string) => `os_compute_api:server-metadata:${name}`;
const All = Type.Object({ metadata: Metadata }, strict);
const One = Type.Object({ meta: Type.Record(Type.String(), Type.String()) }, strict);
const OneBody = Type.Object(
  {
    meta: Type.Record(
      Type.String({ pattern: '^[a-zA-Z0-9-_:. ]{1,255}$' }),
      Type.String({ maxLength: 255 }),
      { ...strict, minProperties: 1, maxProperties: 1 },
    ),
  },
  strict,
);

export const serverMetadataRoutes = [
  endpoint(
    {
      id: 'server-metadata.list',
      method: 'GET',
      path: metadataPath,
      rule: rule('index'),
      reply: { 200: All },
    },
    async (context, { params: { serverId = '' } }) => {
      const { metadata } = await serverFor(context, serverId, rule('index'));
      return { status: 200, body: { metadata: metadataParse(metadata) } };
    },
  ),
  endpoint(
    {
      id: 'server-metadata.create',
      method: 'POST',
      path: metadataPath,
      rule: rule('create'),
      body: All,
      reply: { 200: All },
    },
    async (context, { params: { serverId = '' }, body }) => {
      const metadata = await metadataSet(context, serverId, body.metadata, 'create');
      return { status: 200, body: { metadata } };
    },
  ),
  endpoint(
    {
      id: 'server-metadata.replace',
      method: 'PUT',
      path: metadataPath,
      rule: rule('update_all'),
      body: All,
      reply: { 200: All },
    },
    async (context, { params: { serverId = '' }, body }) => {
      const metadata = await metadataSet(context, serverId, body.metadata, 'update_all');
      return { status: 200, body: { metadata } };
    },
  ),
  endpoint(
    {
      id: 'server-metadata.show',
      method: 'GET',
      path: `${metadataPath}/:key`,
      rule: rule('show'),
      reply: { 200: One },
    },
    async (context, { params: { serverId = '', key = '' } }) => {
      const { metadata } = await serverFor(context, serverId, rule('show'));
      const all = metadataParse(metadata);
      if (!Object.hasOwn(all, key)) throw metadataMissing();
      return { status: 200, body: { meta: { [key]: all[key] } } };
    },
  ),
  endpoint(
    {
      id: 'server-metadata.update',
      method: 'PUT',
      path: `${metadataPath}/:key`,
      rule: rule('update'),
      body: OneBody,
      reply: { 200: One },
    },
    async (context, { params: { serverId = '', key = '' }, body: { meta } }) => {
      if (!Object.hasOwn(meta, key)) throw invalid('Request body and URI mismatch');
      await metadataSet(context, serverId, meta, 'update');
      return { status: 200, body: { meta } };
    },
  ),
  endpoint(
    {
      id: 'server-metadata.delete',
      method: 'DELETE',
      path: `${metadataPath}/:key`,
      rule: rule('delete'),
      reply: { 204: null },
    },
    async (context, { params: { serverId = '', key = '' } }) => {
      await metadataRemove(context, serverId, key);
      return { status: 204 };
    },
  ),
];

const tagsPath = '/v2.1/servers/:serverId/tags';
const tagRule = (name: string) => `os_compute_api:os-server-tags:${name}`;
const TagList = Type.Object({ tags: Tags }, strict);

export const serverTagRoutes = [
  endpoint(
    {
      id: 'server-tags.list',
      method: 'GET',
      path: tagsPath,
      since: '2.26',
      rule: tagRule('index'),
      reply: { 200: TagList },
    },
    async (context, { params: { serverId = '' } }) => {
      const { tags } = await serverFor(context, serverId, tagRule('index'));
      return { status: 200, body: { tags: tagsParse(tags) } };
    },
  ),
  endpoint(
    {
      id: 'server-tags.replace',
      method: 'PUT',
      path: tagsPath,
      since: '2.26',
      rule: tagRule('update_all'),
      body: TagList,
      reply: { 200: TagList },
    },
    async (context, { params: { serverId = '' }, body }) => {
      const tags = await tagsReplace(context, serverId, body.tags);
      return { status: 200, body: { tags } };
    },
  ),
  endpoint(
    {
      id: 'server-tags.delete-all',
      method: 'DELETE',
      path: tagsPath,
      since: '2.26',
      rule: tagRule('delete_all'),
      reply: { 204: null },
    },
    async (context, { params: { serverId = '' } }) => {
      await tagsRemove(context, serverId);
      return { status: 204 };
    },
  ),
  endpoint(
    {
      id: 'server-tags.show',
      method: 'GET',
      path: `${tagsPath}/:tag`,
      since: '2.26',
      rule: tagRule('show'),
      reply: { 204: null },
    },
    async (context, { params: { serverId = '', tag = '' } }) => {
      const server = await serverFor(context, serverId, tagRule('show'));
      if (!tagsParse(server.tags).includes(tag)) throw tagMissing(server.id, tag);
      return { status: 204 };
    },
  ),
  endpoint(
    {
      id: 'server-tags.add',
      method: 'PUT',
      path: `${tagsPath}/:tag`,
      since: '2.26',
      rule: tagRule('update'),
      reply: { 201: null, 204: null },
    },
    async (context, { params: { serverId = '', tag = '' } }) => {
      if (!(await tagAdd(context, serverId, tag))) return { status: 204 };
      const href = `${context.baseUrl}/v2.1/servers/${serverId}/tags/${encodeURIComponent(tag)}`;
      return { status: 201, headers: { Location: href } };
    },
  ),
  endpoint(
    {
      id: 'server-tags.delete',
      method: 'DELETE',
      path: `${tagsPath}/:tag`,
      since: '2.26',
      rule: tagRule('delete'),
      reply: { 204: null },
    },
    async (context, { params: { serverId = '', tag = '' } }) => {
      await tagRemove(context, serverId, tag);
      return { status: 204 };
    },
  ),
];
