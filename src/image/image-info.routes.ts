import { endpointsOf, type Endpoint, type Reply } from '../kernel/http/endpoint.ts';
import type { ImageContext, ImageWorld } from './image.world.ts';
import { importMethods } from './import/import.schema.ts';
import { publishedSchemas } from './published-schemas.ts';
import { forbidden } from '../kernel/errors.ts';
import { Type } from '../kernel/type.ts';
import { projectOf } from './image-access.ts';
import { quotaLimitsOf, quotaUsage } from './image-quota.ts';
import { quotaNames } from './image.model.ts';
import { isWritable } from './image-upload.ts';

const endpoint = endpointsOf<ImageWorld>();

/** Minor versions whose calls all exist. */
const versions = [
  '2.17',
  '2.16',
  '2.15',
  '2.14',
  '2.13',
  '2.12',
  '2.11',
  '2.10',
  '2.9',
  '2.8',
  '2.7',
  '2.6',
  '2.5',
  '2.4',
  '2.3',
  '2.2',
  '2.1',
  '2.0',
];

const versionsReply = (baseUrl: string, status: 200 | 300): Reply => ({
  status,
  body: {
    versions: versions.map((version, index) => ({
      id: `v${version}`,
      status: index === 0 ? 'CURRENT' : 'SUPPORTED',
      links: [{ rel: 'self', href: `${baseUrl}/v2/` }],
    })),
  },
});

const VersionsReply = Type.Object({
  versions: Type.Array(
    Type.Object({
      id: Type.String(),
      status: Type.String(),
      links: Type.Array(Type.Object({ rel: Type.String(), href: Type.String() })),
    }),
  ),
});

const Stores = Type.Object({ stores: Type.Array(Type.Record(Type.String(), Type.Unknown())) });

const Usage = Type.Object({
  usage: Type.Record(Type.String(), Type.Object({ usage: Type.Integer(), limit: Type.Integer() })),
});

const storeViews = ({ world: { stores } }: ImageContext) =>
  stores.map(({ id, description, type }) => ({
    id,
    description,
    // Glance has these two as text, and leaves them out where they are not so.
    ...(id === stores.find(isWritable)?.id && { default: 'true' }),
    ...(type === 'http' && { 'read-only': 'true' }),
  }));

export const imageInfoRoutes: readonly Endpoint<ImageWorld>[] = [
  endpoint(
    {
      id: 'versions.choices',
      method: 'GET',
      path: '/',
      rule: null,
      auth: 'none',
      reply: { 300: VersionsReply },
    },
    (context) => versionsReply(context.baseUrl, 300),
  ),
  endpoint(
    {
      id: 'versions.list',
      method: 'GET',
      path: '/versions',
      rule: null,
      auth: 'none',
      reply: { 200: VersionsReply },
    },
    (context) => versionsReply(context.baseUrl, 200),
  ),
  endpoint(
    {
      id: 'info.import',
      method: 'GET',
      path: '/v2/info/import',
      rule: null,
      reply: { 200: Type.Object({ 'import-methods': Type.Unknown() }) },
    },
    () => ({
      status: 200,
      body: {
        'import-methods': {
          description: 'Import methods available.',
          type: 'array',
          value: importMethods,
        },
      },
    }),
  ),
  endpoint(
    {
      id: 'info.stores',
      method: 'GET',
      path: '/v2/info/stores',
      rule: null,
      reply: { 200: Stores },
    },
    (context) => ({ status: 200, body: { stores: storeViews(context) } }),
  ),
  endpoint(
    {
      id: 'info.stores.detail',
      method: 'GET',
      path: '/v2/info/stores/detail',
      rule: 'stores_info_detail',
      reply: { 200: Stores },
    },
    (context) => {
      if (!context.allows('stores_info_detail')) {
        throw forbidden('You are not authorized to complete stores_info_detail action.');
      }
      const { stores } = context.world;
      const details = storeViews(context).map((view, index) => ({
        ...view,
        type: stores[index]?.type,
        properties: stores[index]?.properties,
        weight: 0,
      }));
      return { status: 200, body: { stores: details } };
    },
  ),
  endpoint(
    {
      id: 'info.usage',
      method: 'GET',
      path: '/v2/info/usage',
      rule: null,
      reply: { 200: Usage },
    },
    async (context) => {
      const owner = projectOf(context.actor);
      if (owner === null) return { status: 200, body: { usage: {} } };
      const limits = await quotaLimitsOf(context.world, owner);
      const used = await context.world.db.read((tx) => quotaUsage(tx, owner));
      const pairs = quotaNames.map((name) => [
        name,
        { usage: used[name], limit: limits[name] ?? -1 },
      ]);
      return { status: 200, body: { usage: Object.fromEntries(pairs) as unknown } };
    },
  ),
  ...Object.entries(publishedSchemas).map(([name, schema]) =>
    endpoint(
      {
        id: `schemas.${name}`,
        method: 'GET',
        path: `/v2/schemas/${name}`,
        rule: null,
        reply: { 200: Type.Unknown() },
      },
      () => ({ status: 200, body: schema }),
    ),
  ),
];
