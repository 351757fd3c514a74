import type { TSchema } from 'typebox';
import { invalid } from '../../kernel/errors.ts';
import { endpointsOf, type Endpoint } from '../../kernel/http/endpoint.ts';
import type { ImageWorld } from '../image.world.ts';
import {
  definitionAdd,
  definitionChange,
  definitionDelete,
  definitionDeleteAll,
  definitionList,
  definitionShow,
  kinds,
  resourceTypeList,
  tagsAdd,
  type DefinitionPage,
} from './metadef-definition.ts';
import type { Definition, DefinitionKind } from './metadef.model.ts';
import { bodyRequire, pageParse, sortParse } from './metadef.routes.ts';
import {
  AssociationBody,
  AssociationReply,
  AssociationsReply,
  ObjectBody,
  ObjectReply,
  ObjectsReply,
  PropertiesReply,
  PropertyBody,
  PropertyReply,
  ResourceTypesReply,
  TagBody,
  TagReply,
  TagsBody,
  TagsReply,
} from './metadef.schema.ts';
import {
  associationView,
  objectView,
  propertiesView,
  propertyView,
  resourceTypeView,
  tagView,
} from './metadef.view.ts';

const endpoint = endpointsOf<ImageWorld>();
const auditType = 'image/metadef';
const namespacePath = '/v2/metadefs/namespaces/:namespace';
const sortKeys: Readonly<Record<string, DefinitionPage['sortKey']>> = {
  name: 'name',
  created_at: 'createdAt',
  updated_at: 'updatedAt',
};

/** Properties are the fields of one object; of the others all come where no limit is asked for. */
const pageOfKind = (kind: DefinitionKind, query: URLSearchParams): DefinitionPage | null =>
  kind === 'tag' || kind === 'object'
    ? { ...sortParse(query, sortKeys), ...pageParse(query, Infinity) }
    : null;

interface Shape {
  readonly kind: DefinitionKind;
  /** Its name in paths. */
  readonly plural: string;
  readonly body: TSchema;
  readonly reply: TSchema;
  readonly listReply: TSchema;
  readonly view: (namespace: string, definition: Definition) => unknown;
  readonly listView: (namespace: string, definitions: readonly Definition[]) => unknown;
}

const objects: Shape = {
  kind: 'object',
  plural: 'objects',
  body: ObjectBody,
  reply: ObjectReply,
  listReply: ObjectsReply,
  view: objectView,
  listView: (namespace, found) => ({ objects: found.map((one) => objectView(namespace, one)) }),
};

const properties: Shape = {
  kind: 'property',
  plural: 'properties',
  body: PropertyBody,
  reply: PropertyReply,
  listReply: PropertiesReply,
  view: (_, property) => propertyView(property),
  listView: (_, found) => ({ properties: propertiesView(found) }),
};

const tags: Shape = {
  kind: 'tag',
  plural: 'tags',
  body: TagBody,
  reply: TagReply,
  listReply: TagsReply,
  view: (_, tag) => tagView(tag),
  listView: (_, found) => ({ tags: found.map(({ name }) => ({ name })) }),
};

const associations: Shape = {
  kind: 'resource_type',
  plural: 'resource_types',
  body: AssociationBody,
  reply: AssociationReply,
  listReply: AssociationsReply,
  view: (_, association) => associationView(association),
  listView: (_, found) => ({ resource_type_associations: found.map(associationView) }),
};

type Body = Readonly<Record<string, unknown>> & { readonly name: string };

const listRoute = ({ kind, plural, listReply, listView }: Shape): Endpoint<ImageWorld> =>
  endpoint(
    {
      id: `metadefs.${plural}.list`,
      method: 'GET',
      path: `${namespacePath}/${plural}`,
      rule: kinds[kind].list,
      reply: { 200: listReply },
    },
    async (context, { params: { namespace = '' }, query }) => {
      const page = pageOfKind(kind, query);
      const found = await definitionList(context, { namespace, kind }, page);
      return { status: 200, body: listView(namespace, found) };
    },
  );

const addRoute = ({ kind, plural, body: schema, reply, view }: Shape): Endpoint<ImageWorld> =>
  endpoint(
    {
      id: `metadefs.${plural}.create`,
      method: 'POST',
      path: `${namespacePath}/${plural}`,
      rule: kinds[kind].add,
      body: schema,
      reply: { 201: reply },
      auditType,
    },
    async (context, { params: { namespace = '' }, body }) => {
      const { name, ...value } = bodyOf(body);
      const made = await definitionAdd(context, namespace, { kind, name, value });
      return { status: 201, body: view(namespace, made) };
    },
  );

/** One definition: shown, changed (which may rename it), removed. */
const oneRoutes = ({ kind, plural, body: schema, reply, view }: Shape) => [
  endpoint(
    {
      id: `metadefs.${plural}.show`,
      method: 'GET',
      path: `${namespacePath}/${plural}/:name`,
      rule: kinds[kind].show,
      reply: { 200: reply },
    },
    async (context, { params: { namespace = '', name = '' }, query }) => {
      const type = kind === 'property' ? query.get('resource_type') : null;
      const found = await definitionShow(context, { namespace, kind, name }, type);
      return { status: 200, body: view(namespace, found) };
    },
  ),
  endpoint(
    {
      id: `metadefs.${plural}.update`,
      method: 'PUT',
      path: `${namespacePath}/${plural}/:name`,
      rule: kinds[kind].change,
      body: schema,
      reply: { 200: reply },
      auditType,
    },
    async (context, { params: { namespace = '', name: before = '' }, body }) => {
      const { name, ...value } = bodyOf(body);
      const place = { namespace, kind, name: before };
      const changed = await definitionChange(context, place, { name, value });
      return { status: 200, body: view(namespace, changed) };
    },
  ),
];

const removeRoute = ({ kind, plural }: Shape): Endpoint<ImageWorld> =>
  endpoint(
    {
      id: `metadefs.${plural}.delete`,
      method: 'DELETE',
      path: `${namespacePath}/${plural}/:name`,
      rule: kinds[kind].remove,
      reply: { 204: null },
      auditType,
    },
    async (context, { params: { namespace = '', name = '' } }) => {
      await definitionDelete(context, { namespace, kind, name });
      return { status: 204 };
    },
  );

const removeAllRoute = ({ kind, plural }: Shape): Endpoint<ImageWorld> =>
  endpoint(
    {
      id: `metadefs.${plural}.clear`,
      method: 'DELETE',
      path: `${namespacePath}/${plural}`,
      rule: 'delete_metadef_namespace',
      reply: { 204: null },
      auditType,
    },
    async (context, { params: { namespace = '' } }) => {
      await definitionDeleteAll(context, namespace, kind);
      return { status: 204 };
    },
  );

function bodyOf(body: unknown): Body {
  bodyRequire(body as Body | undefined);
  return body as Body;
}

export const metadefDefinitionRoutes: readonly Endpoint<ImageWorld>[] = [
  ...[objects, properties].flatMap((shape) => [
    listRoute(shape),
    addRoute(shape),
    ...oneRoutes(shape),
    removeRoute(shape),
    removeAllRoute(shape),
  ]),
  listRoute(tags),
  ...oneRoutes(tags),
  removeRoute(tags),
  removeAllRoute(tags),
  endpoint(
    {
      id: 'metadefs.tags.replace',
      method: 'POST',
      path: `${namespacePath}/tags`,
      rule: 'add_metadef_tags',
      body: TagsBody,
      reply: { 201: TagsReply },
      auditType,
    },
    async (context, { params: { namespace = '' }, headers, body }) => {
      bodyRequire(body);
      const names = body.tags.map(({ name }) => name);
      const append = String(headers['x-openstack-append'] ?? '').toLowerCase();
      const isAppended = ['1', 't', 'true', 'on', 'y', 'yes'].includes(append);
      await tagsAdd(context, namespace, names, isAppended);
      return { status: 201, body: { tags: names.map((name) => ({ name })) } };
    },
  ),
  endpoint(
    {
      id: 'metadefs.tags.create',
      method: 'POST',
      path: `${namespacePath}/tags/:name`,
      rule: 'add_metadef_tag',
      reply: { 201: TagReply },
      auditType,
    },
    async (context, { params: { namespace = '', name = '' } }) => {
      if (name.length > 80) throw invalid("A tag's name has 80 characters at most.");
      const made = await definitionAdd(context, namespace, { kind: 'tag', name, value: {} });
      return { status: 201, body: tagView(made) };
    },
  ),
  listRoute(associations),
  addRoute(associations),
  removeRoute(associations),
  endpoint(
    {
      id: 'metadefs.resource_types.all',
      method: 'GET',
      path: '/v2/metadefs/resource_types',
      rule: 'list_metadef_resource_types',
      reply: { 200: ResourceTypesReply },
    },
    async (context) => ({
      status: 200,
      body: { resource_types: (await resourceTypeList(context)).map(resourceTypeView) },
    }),
  ),
];
