import { forbidden, invalid } from '../../kernel/errors.ts';
import { endpointsOf, type Endpoint } from '../../kernel/http/endpoint.ts';
import type { ImageWorld } from '../image.world.ts';
import {
  namespaceChange,
  namespaceCreate,
  namespaceDelete,
  namespaceList,
  namespaceShow,
  readOnlyRefuse,
  type NamespaceQuery,
} from './metadef-namespace.ts';
import type { NamespaceEdit } from './metadef.model.ts';
import {
  NamespaceBody,
  NamespaceReply,
  NamespacesReply,
  type NamespaceWanted,
} from './metadef.schema.ts';
import { definitionsOf, namespacePath, namespaceView, prefixOf } from './metadef.view.ts';

const endpoint = endpointsOf<ImageWorld>();
const auditType = 'image/metadef';
const path = '/v2/metadefs/namespaces';

export const metadefRoutes: readonly Endpoint<ImageWorld>[] = [
  endpoint(
    {
      id: 'metadefs.namespaces.create',
      method: 'POST',
      path,
      rule: 'add_metadef_namespace',
      body: NamespaceBody,
      reply: { 201: NamespaceReply },
      auditType,
    },
    async (context, { body }) => {
      bodyRequire(body);
      const shown = await namespaceCreate(context, editOf(body), definitionsOf(body));
      return {
        status: 201,
        headers: { Location: namespacePath(shown.namespace.name) },
        body: namespaceView(shown),
      };
    },
  ),
  endpoint(
    {
      id: 'metadefs.namespaces.list',
      method: 'GET',
      path,
      rule: 'get_metadef_namespaces',
      reply: { 200: NamespacesReply },
    },
    async (context, { query }) => {
      const wanted = namespaceQueryParse(query);
      const shown = await namespaceList(context, wanted);
      const rest = new URLSearchParams([...query].filter(([name]) => name !== 'marker'));
      const first = rest.size === 0 ? path : `${path}?${rest.toString()}`;
      const last = shown.at(-1);
      if (last !== undefined) rest.set('marker', last.namespace.name);
      return {
        status: 200,
        body: {
          namespaces: shown.map((one) => namespaceView(one)),
          first,
          ...(last !== undefined &&
            shown.length === wanted.limit && { next: `${path}?${rest.toString()}` }),
          schema: '/v2/schemas/metadefs/namespaces',
        },
      };
    },
  ),
  endpoint(
    {
      id: 'metadefs.namespaces.show',
      method: 'GET',
      path: `${path}/:namespace`,
      rule: 'get_metadef_namespace',
      reply: { 200: NamespaceReply },
    },
    async (context, { params: { namespace = '' }, query }) => {
      const shown = await namespaceShow(context, namespace);
      const type = shown.definitions.find(
        ({ kind, name }) => kind === 'resource_type' && name === query.get('resource_type'),
      );
      return { status: 200, body: namespaceView(shown, prefixOf(type)) };
    },
  ),
  endpoint(
    {
      id: 'metadefs.namespaces.update',
      method: 'PUT',
      path: `${path}/:namespace`,
      rule: 'modify_metadef_namespace',
      body: NamespaceBody,
      reply: { 200: NamespaceReply },
      auditType,
    },
    async (context, { params: { namespace = '' }, body }) => {
      bodyRequire(body);
      // Glance changes the namespace itself here; what it holds has calls of its own.
      const changed = await namespaceChange(context, namespace, editOf(body));
      return { status: 200, body: namespaceView({ namespace: changed, definitions: [] }) };
    },
  ),
  endpoint(
    {
      id: 'metadefs.namespaces.delete',
      method: 'DELETE',
      path: `${path}/:namespace`,
      rule: 'delete_metadef_namespace',
      reply: { 204: null },
      auditType,
    },
    async (context, { params: { namespace = '' } }) => {
      await namespaceDelete(context, namespace);
      return { status: 204 };
    },
  ),
];

/** An empty body is not held against the schema. */
export function bodyRequire(body: Readonly<Record<string, unknown>> | undefined): void {
  if (body === undefined) throw invalid('Body expected in request.');
  readOnlyRefuse(body);
}

const editOf = (body: NamespaceWanted): NamespaceEdit => {
  if (body.namespace.includes('/')) throw forbidden('A namespace is not named with a slash.');
  return {
    name: body.namespace,
    displayName: body.display_name ?? null,
    description: body.description ?? null,
    visibility: body.visibility ?? 'private',
    isProtected: body.protected ?? false,
    owner: body.owner ?? null,
  };
};

const sortKeys: Readonly<Record<string, NamespaceQuery['sortKey']>> = {
  namespace: 'name',
  created_at: 'createdAt',
  updated_at: 'updatedAt',
};

function namespaceQueryParse(query: URLSearchParams): NamespaceQuery {
  const visibility = query.get('visibility');
  if (visibility !== null && visibility !== 'public' && visibility !== 'private') {
    throw invalid(`Invalid visibility value: ${visibility}`);
  }
  return {
    visibility,
    resourceTypes: query.get('resource_types')?.split(',') ?? null,
    ...sortParse(query, sortKeys),
    ...pageParse(query, 25),
  };
}

export function sortParse<Key extends string>(
  query: URLSearchParams,
  keys: Readonly<Record<string, Key>>,
): { sortKey: Key; direction: 'asc' | 'desc' } {
  const sortText = query.get('sort_key') ?? 'created_at';
  const sortKey = Object.hasOwn(keys, sortText) ? keys[sortText] : undefined;
  if (sortKey === undefined) throw invalid(`Invalid sort key: ${sortText}`);
  const direction = query.get('sort_dir') ?? 'desc';
  if (direction !== 'asc' && direction !== 'desc') {
    throw invalid(`Invalid sort direction: ${direction}`);
  }
  return { sortKey, direction };
}

export function pageParse(
  query: URLSearchParams,
  limitDefault: number,
): { marker: string | null; limit: number } {
  const [marker, text] = [query.get('marker'), query.get('limit')];
  if (text === null) return { marker, limit: limitDefault };
  if (!/^[+-]?\d{1,9}$/.test(text.trim())) throw invalid('limit param must be an integer');
  const limit = Number(text);
  if (limit < 0) throw invalid('limit param must be positive');
  return { marker, limit: Math.min(limit, 1_000) };
}
