import type { Context } from '../kernel/context.ts';
import { conflict, invalid, notFound } from '../kernel/errors.ts';
import { endpointsOf, type Endpoint } from '../kernel/http/endpoint.ts';
import { Type } from '../kernel/type.ts';
import { version, versionText } from '../kernel/version.ts';
import type { ClaimTable, HostTable } from './compute.tables.ts';
import type { ComputeWorld } from './compute.world.ts';
import { hostRatios, hostSelect } from './host.store.ts';

const endpoint = endpointsOf<ComputeWorld>();
type PlacementContext = Context<ComputeWorld>;

export const placementVersionMin = version('1.0');
/** Of what exists here nothing changes between 1.28 and this one. */
export const placementVersionMax = version('1.39');

type ResourceClass = 'VCPU' | 'MEMORY_MB' | 'DISK_GB';
type Amounts = Readonly<Record<ResourceClass, number>>;

const strict = { additionalProperties: false };
const Text = Type.String();
const Numbers = Type.Record(Text, Type.Number());
const Inventory = Type.Object(
  {
    total: Type.Integer(),
    reserved: Type.Integer(),
    min_unit: Type.Integer(),
    max_unit: Type.Integer(),
    step_size: Type.Integer(),
    allocation_ratio: Type.Number(),
  },
  strict,
);
const Inventories = Type.Object({
  resource_provider_generation: Type.Integer(),
  inventories: Type.Record(Text, Inventory),
});
const Provider = Type.Record(Text, Type.Unknown());

/** Named by the host's uuid; null ratios of a class cannot be: each host has all three. */
function inventoriesOf(host: HostTable) {
  const of = (total: number, reserved: number, ratioMilli: number) => ({
    total,
    reserved,
    min_unit: 1,
    max_unit: Math.max(total, 1),
    step_size: 1,
    allocation_ratio: ratioMilli / 1000,
  });
  return {
    VCPU: of(host.vcpus, host.reserved_vcpus, host.vcpu_ratio_milli),
    MEMORY_MB: of(host.ram_mib, host.reserved_ram_mib, host.ram_ratio_milli),
    DISK_GB: of(host.disk_gib, host.reserved_disk_gib, host.disk_ratio_milli),
  };
}

const usedOf = (host: HostTable): Amounts => ({
  VCPU: host.used_vcpus,
  MEMORY_MB: host.used_ram_mib,
  DISK_GB: host.used_disk_gib,
});

/** Placement leaves out classes of which nothing is claimed. */
const claimedOf = ({ vcpus, ram_mib, disk_gib }: ClaimTable): Partial<Amounts> =>
  Object.fromEntries(
    Object.entries({ VCPU: vcpus, MEMORY_MB: ram_mib, DISK_GB: disk_gib }).filter(([, n]) => n > 0),
  );

function providerView(context: PlacementContext, host: HostTable) {
  const self = `/placement/resource_providers/${host.uuid}`;
  const rels = ['self', 'inventories', 'usages'];
  if (context.since('1.1')) rels.push('aggregates');
  if (context.since('1.6')) rels.push('traits');
  if (context.since('1.11')) rels.push('allocations');
  return {
    uuid: host.uuid,
    name: host.name,
    generation: host.generation,
    ...(context.since('1.14') && { root_provider_uuid: host.uuid, parent_provider_uuid: null }),
    links: rels.map((rel) => ({ rel, href: rel === 'self' ? self : `${self}/${rel}` })),
  };
}

const hosts = ({ world }: PlacementContext): Promise<HostTable[]> =>
  world.cell.read((tx) => hostSelect(tx));

async function providerOf(context: PlacementContext, uuid: string): Promise<HostTable> {
  const host = (await hosts(context)).find((candidate) => candidate.uuid === uuid);
  if (host === undefined) throw notFound(`No resource provider with uuid ${uuid} found`);
  return host;
}

/** A part of a provider: each is asked by its own rule and shown by its own view. */
const part = (
  name: string,
  reply: ReturnType<typeof Type.Object>,
  since: string,
  view: (context: PlacementContext, host: HostTable) => Promise<object> | object,
): Endpoint<ComputeWorld> =>
  endpoint(
    {
      id: `resource-providers.${name}`,
      method: 'GET',
      path: `/resource_providers/:uuid/${name}`,
      since,
      rule: `placement:resource_providers:${name}:list`,
      reply: { 200: reply },
    },
    async (context, { params }) => {
      context.authorize(`placement:resource_providers:${name}:list`);
      return {
        status: 200,
        body: await view(context, await providerOf(context, params['uuid'] ?? '')),
      };
    },
  );

const InventoryWish = Type.Object(
  {
    resource_provider_generation: Type.Integer(),
    total: Type.Integer({ minimum: 1 }),
    reserved: Type.Optional(Type.Integer({ minimum: 0 })),
    min_unit: Type.Optional(Type.Integer({ minimum: 1 })),
    max_unit: Type.Optional(Type.Integer({ minimum: 1 })),
    step_size: Type.Optional(Type.Integer({ minimum: 1 })),
    allocation_ratio: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 10_000 })),
  },
  strict,
);

const classes: Readonly<Record<string, 'vcpu' | 'ram' | 'disk'>> = {
  VCPU: 'vcpu',
  MEMORY_MB: 'ram',
  DISK_GB: 'disk',
};

export const placementRoutes: readonly Endpoint<ComputeWorld>[] = [
  endpoint(
    {
      id: 'versions.list',
      method: 'GET',
      path: '/',
      rule: null,
      auth: 'none',
      reply: { 200: Type.Object({ versions: Type.Array(Provider) }) },
    },
    () => ({
      status: 200,
      body: {
        versions: [
          {
            id: 'v1.0',
            status: 'CURRENT',
            min_version: versionText(placementVersionMin),
            max_version: versionText(placementVersionMax),
            links: [{ rel: 'self', href: '' }],
          },
        ],
      },
    }),
  ),
  endpoint(
    {
      id: 'resource-providers.list',
      method: 'GET',
      path: '/resource_providers',
      rule: 'placement:resource_providers:list',
      query: ['name', 'uuid'],
      queryStrict: true,
      reply: { 200: Type.Object({ resource_providers: Type.Array(Provider) }) },
    },
    async (context, { query }) => {
      context.authorize('placement:resource_providers:list');
      const [name, uuid] = [query.get('name'), query.get('uuid')];
      const shown = (await hosts(context)).filter(
        (host) => (name === null || host.name === name) && (uuid === null || host.uuid === uuid),
      );
      const views = shown.map((host) => providerView(context, host));
      return { status: 200, body: { resource_providers: views } };
    },
  ),
  endpoint(
    {
      id: 'resource-providers.show',
      method: 'GET',
      path: '/resource_providers/:uuid',
      rule: 'placement:resource_providers:show',
      reply: { 200: Provider },
    },
    async (context, { params }) => {
      context.authorize('placement:resource_providers:show');
      return {
        status: 200,
        body: providerView(context, await providerOf(context, params['uuid'] ?? '')),
      };
    },
  ),
  part('inventories', Inventories, '1.0', (_, host) => ({
    resource_provider_generation: host.generation,
    inventories: inventoriesOf(host),
  })),
  part(
    'usages',
    Type.Object({ resource_provider_generation: Type.Integer(), usages: Numbers }),
    '1.0',
    (_, host) => ({
      resource_provider_generation: host.generation,
      usages: usedOf(host),
    }),
  ),
  part(
    'allocations',
    Type.Object({ allocations: Provider, resource_provider_generation: Type.Integer() }),
    '1.0',
    async ({ world }, host) => {
      const claims = await world.cell.read((tx) =>
        tx.selectFrom('claim').selectAll().where('host', '=', host.name).execute(),
      );
      return {
        resource_provider_generation: host.generation,
        allocations: Object.fromEntries(
          claims.map((claim) => [claim.server_id, { resources: claimedOf(claim) }]),
        ),
      };
    },
  ),
  part(
    'traits',
    Type.Object({ traits: Type.Array(Text), resource_provider_generation: Type.Integer() }),
    '1.6',
    (_, host) => ({
      traits: JSON.parse(host.traits) as string[],
      resource_provider_generation: host.generation,
    }),
  ),
  endpoint(
    {
      id: 'inventories.update',
      method: 'PUT',
      path: '/resource_providers/:uuid/inventories/:class',
      rule: 'placement:resource_providers:inventories:update',
      body: InventoryWish,
      reply: {
        200: Type.Object({ ...Inventory.properties, resource_provider_generation: Type.Integer() }),
      },
    },
    async (context, { params, body }) => {
      context.authorize('placement:resource_providers:inventories:update');
      const name = params['class'] ?? '';
      const kind = classes[name];
      const host = await providerOf(context, params['uuid'] ?? '');
      if (kind === undefined) throw notFound(`No inventory of class ${name} for ${host.uuid}`);
      const held = inventoriesOf(host)[name as ResourceClass];
      if (body.total !== held.total || (body.step_size ?? 1) !== 1 || (body.min_unit ?? 1) !== 1) {
        throw invalid(
          'The total and the units are what the host reports; only reserved and allocation_ratio can be set.',
        );
      }
      const change = {
        reserved: body.reserved ?? held.reserved,
        ratioMilli: Math.round((body.allocation_ratio ?? held.allocation_ratio) * 1000),
      };
      const isDone = await context.world.cell.write((tx) =>
        hostRatios(
          tx,
          { name: host.name, generation: body.resource_provider_generation },
          kind,
          change,
        ),
      );
      if (!isDone)
        throw conflict('resource provider generation conflict', {
          type: 'placement.concurrent_update',
        });
      const after = await providerOf(context, host.uuid);
      const view = inventoriesOf(after)[name as ResourceClass];
      return { status: 200, body: { ...view, resource_provider_generation: after.generation } };
    },
  ),
  endpoint(
    {
      id: 'allocations.show',
      method: 'GET',
      path: '/allocations/:consumer',
      rule: 'placement:allocations:list',
      reply: { 200: Type.Object({ allocations: Provider }) },
    },
    async (context, { params }) => {
      context.authorize('placement:allocations:list');
      const consumer = params['consumer'] ?? '';
      const { claims, server } = await context.world.cell.read(async (tx) => ({
        claims: await tx
          .selectFrom('claim')
          .selectAll()
          .where('server_id', '=', consumer)
          .execute(),
        server: await tx
          .selectFrom('server')
          .select(['project_id', 'user_id'])
          .where('id', '=', consumer)
          .executeTakeFirst(),
      }));
      const all = await hosts(context);
      const lines = claims.flatMap((claim) => {
        const host = all.find(({ name }) => name === claim.host);
        return host === undefined
          ? []
          : [[host.uuid, { generation: host.generation, resources: claimedOf(claim) }] as const];
      });
      const showsOwner = context.since('1.12') && claims.length > 0 && server !== undefined;
      return {
        status: 200,
        body: {
          allocations: Object.fromEntries(lines),
          ...(showsOwner && server),
          ...(showsOwner && context.since('1.28') && { consumer_generation: 1 }),
        },
      };
    },
  ),
  endpoint(
    {
      id: 'usages.show',
      method: 'GET',
      path: '/usages',
      since: '1.9',
      rule: 'placement:usages',
      query: ['project_id', 'user_id', 'consumer_type'],
      reply: { 200: Type.Object({ usages: Provider }) },
    },
    async (context, { query }) => {
      const projectId = query.get('project_id');
      if (projectId === null) throw invalid("'project_id' is a required property");
      context.authorize('placement:usages', { project_id: projectId });
      const userId = query.get('user_id');
      const claims = await context.world.cell.read((tx) => {
        const all = tx
          .selectFrom('claim')
          .innerJoin('server', 'server.id', 'claim.server_id')
          .selectAll('claim')
          .where('server.project_id', '=', projectId);
        return (userId === null ? all : all.where('server.user_id', '=', userId)).execute();
      });
      const sums = {
        VCPU: claims.reduce((sum, { vcpus }) => sum + vcpus, 0),
        MEMORY_MB: claims.reduce((sum, { ram_mib }) => sum + ram_mib, 0),
        DISK_GB: claims.reduce((sum, { disk_gib }) => sum + disk_gib, 0),
      };
      if (!context.since('1.38')) return { status: 200, body: { usages: sums } };
      return {
        status: 200,
        body: { usages: { INSTANCE: { ...sums, consumer_count: claims.length } } },
      };
    },
  ),
  endpoint(
    {
      id: 'resource-classes.list',
      method: 'GET',
      path: '/resource_classes',
      since: '1.2',
      rule: 'placement:resource_classes:list',
      reply: { 200: Type.Object({ resource_classes: Type.Array(Provider) }) },
    },
    (context) => {
      context.authorize('placement:resource_classes:list');
      const views = Object.keys(classes).map((name) => ({
        name,
        links: [{ rel: 'self', href: `/placement/resource_classes/${name}` }],
      }));
      return { status: 200, body: { resource_classes: views } };
    },
  ),
];
