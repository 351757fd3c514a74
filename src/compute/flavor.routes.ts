import type { Static } from 'typebox';
import type { Context } from '../kernel/context.ts';
import { invalid } from '../kernel/errors.ts';
import { byVersion, endpointsOf, type Input } from '../kernel/http/endpoint.ts';
import { Type } from '../kernel/type.ts';
import type { ComputeWorld } from './compute.world.ts';
import { flavorPageOf, flavorQueryNames } from './flavor-page.ts';
import type { Flavor } from './flavor.model.ts';
import {
  AccessAdd,
  AccessRemove,
  AccessReply,
  FlavorBrief,
  FlavorCreate21,
  FlavorCreate255,
  FlavorReply,
  FlavorUpdate,
  listOf,
  SpecsCreate,
  SpecUpdate,
} from './flavor.schema.ts';
import {
  flavorAccessChange,
  flavorAccessList,
  flavorCreate,
  flavorDelete,
  flavorGet,
  flavorList,
  flavorSpecDelete,
  flavorSpecMissing,
  flavorSpecsCreate,
  flavorUpdate,
} from './flavor.ts';
import { flavorBriefView, flavorView } from './flavor.view.ts';

const endpoint = endpointsOf<ComputeWorld>();
type FlavorContext = Context<ComputeWorld>;

async function listReply(
  context: FlavorContext,
  query: URLSearchParams,
  path: string,
  view: (context: FlavorContext, flavor: Flavor) => object,
) {
  const page = flavorPageOf(context, query);
  const flavors = await flavorList(context, page);
  if (flavors === null) throw invalid(`marker [${page.marker}] not found`);
  const last = flavors.at(-1);
  const isFull = query.has('limit') && flavors.length === page.limit && last !== undefined;
  const next = new URLSearchParams(query);
  if (last !== undefined) next.set('marker', last.id);
  const href = `${context.baseUrl}/v2.1/flavors${path}?${next.toString()}`;
  return {
    status: 200,
    body: {
      flavors: flavors.map((flavor) => view(context, flavor)),
      ...(isFull && { flavors_links: [{ rel: 'next', href }] }),
    },
  };
}

const isTrue = (value: unknown): boolean => /^(true|1|on|yes)$/i.test(String(value));

function flavorOfBody(
  context: FlavorContext,
  body: Static<typeof FlavorCreate255>['flavor'],
): Flavor {
  const count = (name: string, value: string | number, minimum = 0): number => {
    const number = Number(value);
    if (number >= minimum && number < 2 ** 31) return number;
    throw invalid(`Invalid input for field/attribute ${name}. Value: ${value}.`);
  };
  const id =
    body.id === undefined || body.id === null || body.id === 'auto' ? null : String(body.id);
  const rxtxFactor = Number(body.rxtx_factor ?? 1);
  if (!(rxtxFactor > 0)) throw invalid('Invalid input for field/attribute rxtx_factor.');
  return {
    id: id ?? context.ids.uuid(),
    name: body.name,
    ramMib: count('ram', body.ram, 1),
    vcpus: count('vcpus', body.vcpus, 1),
    diskGib: count('disk', body.disk),
    ephemeralGib: count('OS-FLV-EXT-DATA:ephemeral', body['OS-FLV-EXT-DATA:ephemeral'] ?? 0),
    swapMib: count('swap', body.swap ?? 0),
    rxtxFactor,
    isPublic: isTrue(body['os-flavor-access:is_public'] ?? true),
    isDisabled: false,
    description: body.description ?? null,
    extraSpecs: {},
  };
}

const One = Type.Object({ flavor: FlavorReply });
const Specs = Type.Object({ extra_specs: Type.Record(Type.String(), Type.String()) });
const OneSpec = Type.Record(Type.String(), Type.String());
const text = (specs: Readonly<Record<string, string | number>>): Record<string, string> =>
  Object.fromEntries(Object.entries(specs).map(([key, value]) => [key, String(value)]));
const accessView = (id: string, projects: readonly string[]) => ({
  flavor_access: projects.map((tenant_id) => ({ flavor_id: id, tenant_id })),
});
const paramOf = ({ params }: Input<unknown>, name: string): string => params[name] ?? '';

export const flavorRoutes = [
  endpoint(
    {
      id: 'flavors.list',
      method: 'GET',
      path: '/v2.1/flavors',
      rule: null,
      query: flavorQueryNames,
      reply: { 200: listOf('flavors', FlavorBrief) },
    },
    (context, { query }) => listReply(context, query, '', flavorBriefView),
  ),
  endpoint(
    {
      id: 'flavors.detail',
      method: 'GET',
      path: '/v2.1/flavors/detail',
      rule: null,
      query: flavorQueryNames,
      reply: { 200: listOf('flavors', FlavorReply) },
    },
    (context, { query }) => listReply(context, query, '/detail', flavorView),
  ),
  endpoint(
    {
      id: 'flavors.show',
      method: 'GET',
      path: '/v2.1/flavors/:flavorId',
      rule: null,
      reply: { 200: One },
    },
    async (context, input) => {
      const flavor = await flavorGet(context, paramOf(input, 'flavorId'));
      return { status: 200, body: { flavor: flavorView(context, flavor) } };
    },
  ),
  endpoint(
    {
      id: 'flavors.create',
      method: 'POST',
      path: '/v2.1/flavors',
      rule: 'os_compute_api:os-flavor-manage:create',
      body: byVersion(['2.1', FlavorCreate21], ['2.55', FlavorCreate255]),
      reply: { 200: One },
    },
    async (context, { body }) => {
      const flavor = flavorOfBody(context, body.flavor);
      await flavorCreate(context, flavor);
      return { status: 200, body: { flavor: flavorView(context, flavor) } };
    },
  ),
  endpoint(
    {
      id: 'flavors.update',
      method: 'PUT',
      path: '/v2.1/flavors/:flavorId',
      since: '2.55',
      rule: 'os_compute_api:os-flavor-manage:update',
      body: FlavorUpdate,
      reply: { 200: One },
    },
    async (context, input) => {
      const { description } = input.body.flavor;
      const flavor = await flavorUpdate(context, paramOf(input, 'flavorId'), description);
      return { status: 200, body: { flavor: flavorView(context, flavor) } };
    },
  ),
  endpoint(
    {
      id: 'flavors.delete',
      method: 'DELETE',
      path: '/v2.1/flavors/:flavorId',
      rule: 'os_compute_api:os-flavor-manage:delete',
      reply: { 202: null },
    },
    async (context, input) => {
      await flavorDelete(context, paramOf(input, 'flavorId'));
      return { status: 202 };
    },
  ),
  endpoint(
    {
      id: 'flavor-extra-specs.list',
      method: 'GET',
      path: '/v2.1/flavors/:flavorId/os-extra_specs',
      rule: 'os_compute_api:os-flavor-extra-specs:index',
      reply: { 200: Specs },
    },
    async (context, input) => {
      context.authorize('os_compute_api:os-flavor-extra-specs:index');
      const { extraSpecs } = await flavorGet(context, paramOf(input, 'flavorId'));
      return { status: 200, body: { extra_specs: extraSpecs } };
    },
  ),
  endpoint(
    {
      id: 'flavor-extra-specs.create',
      method: 'POST',
      path: '/v2.1/flavors/:flavorId/os-extra_specs',
      rule: 'os_compute_api:os-flavor-extra-specs:create',
      body: SpecsCreate,
      reply: { 200: Specs },
    },
    async (context, input) => {
      context.authorize('os_compute_api:os-flavor-extra-specs:create');
      const specs = text(input.body.extra_specs);
      await flavorSpecsCreate(context, paramOf(input, 'flavorId'), specs);
      return { status: 200, body: { extra_specs: specs } };
    },
  ),
  endpoint(
    {
      id: 'flavor-extra-specs.show',
      method: 'GET',
      path: '/v2.1/flavors/:flavorId/os-extra_specs/:key',
      rule: 'os_compute_api:os-flavor-extra-specs:show',
      reply: { 200: OneSpec },
    },
    async (context, input) => {
      context.authorize('os_compute_api:os-flavor-extra-specs:show');
      const [id, key] = [paramOf(input, 'flavorId'), paramOf(input, 'key')];
      const { extraSpecs } = await flavorGet(context, id);
      const value = extraSpecs[key];
      if (value === undefined) throw flavorSpecMissing(id, key);
      return { status: 200, body: { [key]: value } };
    },
  ),
  endpoint(
    {
      id: 'flavor-extra-specs.update',
      method: 'PUT',
      path: '/v2.1/flavors/:flavorId/os-extra_specs/:key',
      rule: 'os_compute_api:os-flavor-extra-specs:update',
      body: SpecUpdate,
      reply: { 200: OneSpec },
    },
    async (context, input) => {
      context.authorize('os_compute_api:os-flavor-extra-specs:update');
      const [id, key] = [paramOf(input, 'flavorId'), paramOf(input, 'key')];
      const specs = text(input.body);
      if (specs[key] === undefined) throw invalid('Request body and URI mismatch');
      await flavorSpecsCreate(context, id, specs);
      return { status: 200, body: specs };
    },
  ),
  endpoint(
    {
      id: 'flavor-extra-specs.delete',
      method: 'DELETE',
      path: '/v2.1/flavors/:flavorId/os-extra_specs/:key',
      rule: 'os_compute_api:os-flavor-extra-specs:delete',
      reply: { 200: null },
    },
    async (context, input) => {
      await flavorSpecDelete(context, paramOf(input, 'flavorId'), paramOf(input, 'key'));
      return { status: 200 };
    },
  ),
  endpoint(
    {
      id: 'flavor-access.list',
      method: 'GET',
      path: '/v2.1/flavors/:flavorId/os-flavor-access',
      rule: 'os_compute_api:os-flavor-access',
      reply: { 200: AccessReply },
    },
    async (context, input) => {
      const id = paramOf(input, 'flavorId');
      return { status: 200, body: accessView(id, await flavorAccessList(context, id)) };
    },
  ),
  endpoint(
    {
      id: 'flavor-access.add',
      method: 'POST',
      path: '/v2.1/flavors/:flavorId/action',
      action: 'addTenantAccess',
      rule: 'os_compute_api:os-flavor-access:add_tenant_access',
      body: AccessAdd,
      reply: { 200: AccessReply },
    },
    async (context, input) => {
      const [id, { tenant }] = [paramOf(input, 'flavorId'), input.body.addTenantAccess];
      const projects = await flavorAccessChange(context, id, tenant, true);
      return { status: 200, body: accessView(id, projects) };
    },
  ),
  endpoint(
    {
      id: 'flavor-access.remove',
      method: 'POST',
      path: '/v2.1/flavors/:flavorId/action',
      action: 'removeTenantAccess',
      rule: 'os_compute_api:os-flavor-access:remove_tenant_access',
      body: AccessRemove,
      reply: { 200: AccessReply },
    },
    async (context, input) => {
      const [id, { tenant }] = [paramOf(input, 'flavorId'), input.body.removeTenantAccess];
      const projects = await flavorAccessChange(context, id, tenant, false);
      return { status: 200, body: accessView(id, projects) };
    },
  ),
];
