import { isoSeconds } from '../kernel/clock.ts';
import type { Context } from '../kernel/context.ts';
import { Failure, invalid, notFound } from '../kernel/errors.ts';
import { endpointsOf } from '../kernel/http/endpoint.ts';
import { isUuid } from '../kernel/ids.ts';
import { Type } from '../kernel/type.ts';
import type { ImageFilter, ImageStatus, ImageSummary } from '../image/port.ts';
import type { ComputeWorld } from './compute.world.ts';
import { pageMax } from './server-list.ts';
import { Metadata, strict } from './server.schema.ts';
import { linksOf } from './server.view.ts';

const endpoint = endpointsOf<ComputeWorld>();
type ProxyContext = Context<ComputeWorld>;

/** Once Nova's clients asked Nova for images; since 2.36 they ask the image service, for metadata since 2.39. */
const until = '2.35';
const metadataUntil = '2.38';
const path = '/v2.1/images';
const one = `${path}/:imageId`;

const Image = Type.Record(Type.String(), Type.Unknown());
const List = Type.Object({
  images: Type.Array(Image),
  images_links: Type.Optional(Type.Array(Image)),
});

const statuses: Readonly<Record<ImageStatus, readonly [shown: string, progress: number]>> = {
  active: ['ACTIVE', 100],
  queued: ['SAVING', 25],
  saving: ['SAVING', 50],
  uploading: ['UNKNOWN', 0],
  importing: ['UNKNOWN', 0],
  deactivated: ['UNKNOWN', 0],
  killed: ['ERROR', 0],
  deleted: ['DELETED', 0],
  pending_delete: ['DELETED', 0],
};

const imageLinks = (baseUrl: string, id: string) => [
  { rel: 'self', href: `${baseUrl}/v2.1/images/${id}` },
  { rel: 'bookmark', href: `${baseUrl}/images/${id}` },
  {
    rel: 'alternate',
    type: 'application/vnd.openstack.image',
    href: `${baseUrl.replace(/\/compute$/, '/image')}/v2/images/${id}`,
  },
];

const briefView = ({ baseUrl }: ProxyContext, { id, name }: ImageSummary) => ({
  id,
  name,
  links: imageLinks(baseUrl, id),
});

function imageView(context: ProxyContext, image: ImageSummary) {
  const [status, progress] = statuses[image.status];
  const { instance_uuid: server, auto_disk_config: auto } = image.properties;
  return {
    ...briefView(context, image),
    minRam: image.minRamMib,
    minDisk: image.minDiskGib,
    metadata: image.properties,
    created: isoSeconds(image.createdAt),
    updated: isoSeconds(image.updatedAt),
    status,
    progress,
    'OS-EXT-IMG-SIZE:size': image.sizeBytes,
    ...(server !== undefined && {
      server: { id: server, links: linksOf(context.baseUrl, server) },
    }),
    ...(auto !== undefined && { 'OS-DCF:diskConfig': auto === 'True' ? 'AUTO' : 'MANUAL' }),
  };
}

function filterOf(query: URLSearchParams): ImageFilter {
  const properties = Object.fromEntries(
    [...query]
      .filter(([name]) => name.startsWith('property-'))
      .map(([name, value]) => [name.slice('property-'.length), value]),
  );
  const server = query.get('server')?.split('/').at(-1);
  const type = query.get('type');
  const [name, status, since] = ['name', 'status', 'changes-since'].map((key) => query.get(key));
  const shown = status?.toUpperCase();
  const named = Object.keys(statuses) as ImageStatus[];
  const updatedSince = since ? Date.parse(since) : undefined;
  if (Number.isNaN(updatedSince)) throw invalid(`Invalid input for changes-since: ${since}.`);
  return {
    ...(name !== null && name !== undefined && { name }),
    ...(shown !== undefined && { statuses: named.filter((each) => statuses[each][0] === shown) }),
    ...(updatedSince !== undefined && { updatedSince }),
    ...countOf(query, 'minDisk', 'minDiskGib'),
    ...countOf(query, 'minRam', 'minRamMib'),
    properties: {
      ...properties,
      ...(server !== undefined && { instance_uuid: server }),
      ...(type !== null && { image_type: type }),
    },
  };
}

function countOf<Key extends string>(query: URLSearchParams, name: string, key: Key) {
  const text = query.get(name);
  if (text === null) return {};
  if (!/^\d{1,9}$/.test(text)) throw invalid(`Invalid input for ${name}: ${text}.`);
  return { [key]: Number(text) } as Record<Key, number>;
}

async function imageFor({ world, actor }: ProxyContext, id: string): Promise<ImageSummary> {
  if (!isUuid(id)) throw notFound('Image not found.');
  try {
    return await world.images.imageFor(actor, id);
  } catch (error) {
    if (error instanceof Failure && error.kind === 'not_found') throw notFound('Image not found.');
    throw error;
  }
}

const lists = (
  [
    ['list', path, briefView],
    ['detail', `${path}/detail`, imageView],
  ] as const
).map(([kind, at, view]) =>
  endpoint(
    {
      id: `images.${kind}`,
      method: 'GET',
      path: at,
      until,
      rule: null,
      reply: { 200: List },
    },
    async (context, { query }) => {
      const text = query.get('limit') ?? String(pageMax);
      if (!/^\d{1,9}$/.test(text)) throw invalid('limit must be an integer that is not negative');
      const limit = Math.min(Number(text) || pageMax, pageMax);
      const page = { limit, marker: query.get('marker') };
      const { world, actor, baseUrl } = context;
      const images = await world.images.imageList(actor, filterOf(query), page);
      const last = images.at(-1);
      const next = new URLSearchParams(query);
      next.set('marker', last?.id ?? '');
      const isFull = query.has('limit') && images.length === limit;
      return {
        status: 200,
        body: {
          images: images.map((image) => view(context, image)),
          ...(isFull && {
            images_links: [{ rel: 'next', href: `${baseUrl}${at}?${next.toString()}` }],
          }),
        },
      };
    },
  ),
);

type Properties = Readonly<Record<string, string>>;

async function propertiesChange(
  context: ProxyContext,
  id: string,
  change: (properties: Properties) => Properties,
): Promise<Properties> {
  await imageFor(context, id);
  const { world, actor } = context;
  return (await world.images.imagePropertiesChange(actor, id, change)).properties;
}

const metadataReply = { 200: Type.Object({ metadata: Image }) };
const metaReply = { 200: Type.Object({ meta: Image }) };
const metadataBody = Type.Object({ metadata: Metadata }, strict);

/** POST adds, PUT puts in the place of all. */
const metadataEdits = (
  [
    ['POST', true],
    ['PUT', false],
  ] as const
).map(([method, keeps]) =>
  endpoint(
    {
      id: `images.metadata-${keeps ? 'add' : 'replace'}`,
      method,
      path: `${one}/metadata`,
      until: metadataUntil,
      rule: null,
      body: metadataBody,
      reply: metadataReply,
    },
    async (context, { params, body: { metadata: wanted } }) => {
      const metadata = await propertiesChange(context, params['imageId'] ?? '', (before) => ({
        ...(keeps && before),
        ...wanted,
      }));
      return { status: 200, body: { metadata } };
    },
  ),
);

export const imageProxyRoutes = [
  ...lists,
  ...metadataEdits,
  endpoint(
    {
      id: 'images.show',
      method: 'GET',
      path: one,
      until,
      rule: null,
      reply: { 200: Type.Object({ image: Image }) },
    },
    async (context, { params }) => {
      const image = await imageFor(context, params['imageId'] ?? '');
      return { status: 200, body: { image: imageView(context, image) } };
    },
  ),
  endpoint(
    { id: 'images.delete', method: 'DELETE', path: one, until, rule: null, reply: { 204: null } },
    async (context, { params }) => {
      const { id } = await imageFor(context, params['imageId'] ?? '');
      await context.world.images.imageDelete(context.actor, id);
      return { status: 204 };
    },
  ),
  endpoint(
    {
      id: 'images.metadata',
      method: 'GET',
      path: `${one}/metadata`,
      until: metadataUntil,
      rule: null,
      reply: metadataReply,
    },
    async (context, { params }) => {
      const { properties } = await imageFor(context, params['imageId'] ?? '');
      return { status: 200, body: { metadata: properties } };
    },
  ),
  endpoint(
    {
      id: 'images.meta',
      method: 'GET',
      path: `${one}/metadata/:key`,
      until: metadataUntil,
      rule: null,
      reply: metaReply,
    },
    async (context, { params: { imageId = '', key = '' } }) => {
      const { properties } = await imageFor(context, imageId);
      if (!Object.hasOwn(properties, key)) throw notFound('Metadata item was not found');
      return { status: 200, body: { meta: { [key]: properties[key] } } };
    },
  ),
  endpoint(
    {
      id: 'images.meta-set',
      method: 'PUT',
      path: `${one}/metadata/:key`,
      until: metadataUntil,
      rule: null,
      body: Type.Object({ meta: Metadata }, strict),
      reply: metaReply,
    },
    async (context, { params: { imageId = '', key = '' }, body: { meta } }) => {
      const value = meta[key];
      if (value === undefined || Object.keys(meta).length !== 1) {
        throw invalid('Request body and URI mismatch');
      }
      await propertiesChange(context, imageId, (before) => ({ ...before, [key]: value }));
      return { status: 200, body: { meta: { [key]: value } } };
    },
  ),
  endpoint(
    {
      id: 'images.meta-delete',
      method: 'DELETE',
      path: `${one}/metadata/:key`,
      until: metadataUntil,
      rule: null,
      reply: { 204: null },
    },
    async (context, { params: { imageId = '', key = '' } }) => {
      await propertiesChange(context, imageId, ({ [key]: found, ...rest }) => {
        if (found === undefined) throw notFound('Invalid metadata key');
        return rest;
      });
      return { status: 204 };
    },
  ),
];
