import type { TSchema } from 'typebox';
import { isoNaive } from '../kernel/clock.ts';
import type { Context } from '../kernel/context.ts';
import { endpointsOf } from '../kernel/http/endpoint.ts';
import { Type } from '../kernel/type.ts';
import type { Aggregate } from './aggregate.store.ts';
import {
  aggregateCreate,
  aggregateDelete,
  aggregateEdit,
  aggregateGet,
  aggregateHostJoin,
  aggregateHostLeave,
  aggregateList,
  aggregateMetadataEdit,
} from './aggregate.ts';
import { zoneKey } from './aggregate.store.ts';
import type { ComputeWorld } from './compute.world.ts';
import { Name } from './flavor.schema.ts';
import { imageCacheFill } from './image-cache.ts';

import { strict } from './server.schema.ts';

const endpoint = endpointsOf<ComputeWorld>();
const path = '/v2.1/os-aggregates';
const one = `${path}/:aggregateId`;
const rule = (name: string) => `os_compute_api:os-aggregates:${name}`;

const Zone = Type.Union([
  Type.String({ minLength: 1, maxLength: 255, pattern: '^(?! )[^:]*(?<! )$' }),
  Type.Null(),
]);
const Host = Type.Object(
  { host: Type.String({ minLength: 1, maxLength: 255, pattern: '^[a-zA-Z0-9._-]*$' }) },
  strict,
);
const wrapped = <Inner extends TSchema>(inner: Inner) => Type.Object({ aggregate: inner }, strict);
const reply = { 200: Type.Object({ aggregate: Type.Record(Type.String(), Type.Unknown()) }) };

/** A new aggregate is shown without its hosts and metadata, as at Nova. */
function createdView(context: Context<ComputeWorld>, aggregate: Aggregate) {
  const { id, uuid, name, created_at, updated_at, metadata } = aggregate;
  return {
    id,
    ...(context.since('2.41') && { uuid }),
    name,
    availability_zone: metadata[zoneKey] ?? null,
    created_at: isoNaive(created_at),
    updated_at: updated_at === null ? null : isoNaive(updated_at),
    deleted_at: null,
    deleted: false,
  };
}

const aggregateView = (context: Context<ComputeWorld>, aggregate: Aggregate) => ({
  ...createdView(context, aggregate),
  hosts: aggregate.hosts,
  metadata: aggregate.metadata,
});

const shown = (context: Context<ComputeWorld>, aggregate: Aggregate) => ({
  status: 200,
  body: { aggregate: aggregateView(context, aggregate) },
});

/** An act on one aggregate that the only key of the body names. */
const action = <Body extends TSchema>(
  name: string,
  body: Body,
  run: (context: Context<ComputeWorld>, before: Aggregate, body: never) => Promise<Aggregate>,
) =>
  endpoint(
    {
      id: `aggregates.${name}`,
      method: 'POST',
      path: `${one}/action`,
      action: name,
      rule: rule(name),
      body: Type.Object({ [name]: body }, strict),
      reply,
    },
    async (context, input) => {
      context.authorize(rule(name));
      const before = await aggregateGet(context, input.params['aggregateId'] ?? '');
      const asked = (input.body as Record<string, unknown>)[name] as never;
      return shown(context, await run(context, before, asked));
    },
  );

export const aggregateRoutes = [
  endpoint(
    {
      id: 'aggregates.list',
      method: 'GET',
      path,
      rule: rule('index'),
      reply: { 200: Type.Object({ aggregates: Type.Array(Type.Unknown()) }) },
    },
    async (context) => {
      context.authorize(rule('index'));
      const all = await aggregateList(context);
      return { status: 200, body: { aggregates: all.map((each) => aggregateView(context, each)) } };
    },
  ),
  endpoint(
    {
      id: 'aggregates.create',
      method: 'POST',
      path,
      rule: rule('create'),
      body: wrapped(Type.Object({ name: Name, availability_zone: Type.Optional(Zone) }, strict)),
      reply,
    },
    async (context, { body: { aggregate } }) => {
      context.authorize(rule('create'));
      const wish = { name: aggregate.name, zone: aggregate.availability_zone ?? null };
      const made = await aggregateCreate(context, wish);
      return { status: 200, body: { aggregate: createdView(context, made) } };
    },
  ),
  endpoint(
    { id: 'aggregates.show', method: 'GET', path: one, rule: rule('show'), reply },
    async (context, { params }) => {
      context.authorize(rule('show'));
      return shown(context, await aggregateGet(context, params['aggregateId'] ?? ''));
    },
  ),
  endpoint(
    {
      id: 'aggregates.update',
      method: 'PUT',
      path: one,
      rule: rule('update'),
      body: wrapped(
        Type.Object(
          { name: Type.Optional(Name), availability_zone: Type.Optional(Zone) },
          { ...strict, minProperties: 1 },
        ),
      ),
      reply,
    },
    async (context, { params, body: { aggregate } }) => {
      context.authorize(rule('update'));
      const before = await aggregateGet(context, params['aggregateId'] ?? '');
      const { name, availability_zone: zone } = aggregate;
      const change = { ...(name !== undefined && { name }), ...(zone !== undefined && { zone }) };
      return shown(context, await aggregateEdit(context, before, change));
    },
  ),
  endpoint(
    {
      id: 'aggregates.delete',
      method: 'DELETE',
      path: one,
      rule: rule('delete'),
      reply: { 200: null },
    },
    async (context, { params }) => {
      context.authorize(rule('delete'));
      await aggregateDelete(context, await aggregateGet(context, params['aggregateId'] ?? ''));
      return { status: 200 };
    },
  ),
  action('add_host', Host, (context, before, { host }: { host: string }) =>
    aggregateHostJoin(context, before, host),
  ),
  action('remove_host', Host, (context, before, { host }: { host: string }) =>
    aggregateHostLeave(context, before, host),
  ),
  action(
    'set_metadata',
    Type.Object(
      {
        metadata: Type.Record(
          Type.String({ pattern: '^[a-zA-Z0-9-_:. ]{1,255}$' }),
          Type.Union([Type.String({ maxLength: 255 }), Type.Null()]),
          strict,
        ),
      },
      strict,
    ),
    (context, before, { metadata }: { metadata: Record<string, string | null> }) =>
      aggregateMetadataEdit(context, before, metadata),
  ),
  endpoint(
    {
      id: 'aggregates.images',
      method: 'POST',
      path: `${one}/images`,
      since: '2.81',
      rule: 'compute:aggregates:images',
      body: Type.Object(
        {
          cache: Type.Array(Type.Object({ id: Type.String({ format: 'uuid' }) }, strict), {
            minItems: 1,
          }),
        },
        strict,
      ),
      reply: { 202: null },
    },
    async (context, { params, body: { cache } }) => {
      context.authorize('compute:aggregates:images');
      const { hosts } = await aggregateGet(context, params['aggregateId'] ?? '');
      await imageCacheFill(
        context,
        hosts,
        cache.map(({ id }) => id),
      );
      return { status: 202 };
    },
  ),
];
