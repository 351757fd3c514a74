import { isoNaive } from '../kernel/clock.ts';
import type { Context } from '../kernel/context.ts';
import { invalid } from '../kernel/errors.ts';
import { byVersion, endpointsOf } from '../kernel/http/endpoint.ts';
import { Type } from '../kernel/type.ts';
import type { ComputeWorld } from './compute.world.ts';
import type { Keypair } from './keypair.model.ts';
import { keypairCreate, keypairDelete, keypairGet, keypairList } from './keypair.ts';

const endpoint = endpointsOf<ComputeWorld>();
type KeypairContext = Context<ComputeWorld>;

const strict = { additionalProperties: false };
const Name = Type.String({ minLength: 1, maxLength: 255 });
const Kind = Type.Optional(Type.Union([Type.Literal('ssh'), Type.Literal('x509')]));
const base = { name: Name, public_key: Type.Optional(Type.String()) };
const with22 = { ...base, type: Kind };
const with210 = {
  ...with22,
  user_id: Type.Optional(Type.String({ pattern: '^[a-zA-Z0-9-]*$', minLength: 1 })),
};
const bodyOf = <T extends Parameters<typeof Type.Object>[0]>(keypair: T) =>
  Type.Object({ keypair: Type.Object(keypair, strict) }, strict);
const CreateBody = byVersion(
  ['2.1', bodyOf(base) as never],
  ['2.2', bodyOf(with22) as never],
  ['2.10', bodyOf(with210)],
  ['2.92', bodyOf({ ...with210, public_key: Type.String() }) as never],
);

const Brief = Type.Object(
  {
    name: Name,
    public_key: Type.String(),
    fingerprint: Type.String(),
    type: Type.Optional(Type.String()),
  },
  strict,
);
const Created = Type.Object(
  { ...Brief.properties, user_id: Type.String(), private_key: Type.Optional(Type.String()) },
  strict,
);
const Detail = Type.Object(
  {
    ...Brief.properties,
    user_id: Type.String(),
    id: Type.Integer(),
    created_at: Type.String(),
    deleted: Type.Boolean(),
    deleted_at: Type.Null(),
    updated_at: Type.Null(),
  },
  strict,
);
const Links = Type.Array(Type.Object({ rel: Type.String(), href: Type.String() }));
const List = Type.Object(
  { keypairs: Type.Array(Type.Object({ keypair: Brief })), keypairs_links: Type.Optional(Links) },
  strict,
);

const briefView = (context: KeypairContext, keypair: Omit<Keypair, 'number'>) => ({
  name: keypair.name,
  public_key: keypair.publicKey,
  fingerprint: keypair.fingerprint,
  ...(context.since('2.2') && { type: keypair.type }),
});

/** Others' key pairs can be named from 2.10 on; the policy says by whom. */
function userOf(context: KeypairContext, query: URLSearchParams): string {
  const wanted = context.since('2.10') ? query.get('user_id') : null;
  return wanted ?? context.actor.userId;
}

export const keypairRoutes = [
  endpoint(
    {
      id: 'keypairs.list',
      method: 'GET',
      path: '/v2.1/os-keypairs',
      rule: 'os_compute_api:os-keypairs:index',
      query: ['user_id', 'limit', 'marker'],
      reply: { 200: List },
    },
    async (context, { query }) => {
      const all = await keypairList(context, userOf(context, query));
      const { shown, next } = pageOf(context, query, all);
      return {
        status: 200,
        body: {
          keypairs: shown.map((keypair) => ({ keypair: briefView(context, keypair) })),
          ...(next !== null && { keypairs_links: [{ rel: 'next', href: next }] }),
        },
      };
    },
  ),
  endpoint(
    {
      id: 'keypairs.create',
      method: 'POST',
      path: '/v2.1/os-keypairs',
      rule: 'os_compute_api:os-keypairs:create',
      body: CreateBody,
      reply: { 200: Type.Object({ keypair: Created }), 201: Type.Object({ keypair: Created }) },
    },
    async (context, { body: { keypair: wanted } }) => {
      const made = await keypairCreate(context, {
        userId: wanted.user_id ?? context.actor.userId,
        name: wanted.name,
        type: wanted.type ?? 'ssh',
        publicKey: wanted.public_key ?? null,
      });
      const view = {
        ...briefView(context, made),
        user_id: made.userId,
        ...(made.privateKey !== null && { private_key: made.privateKey }),
      };
      return { status: context.since('2.2') ? 201 : 200, body: { keypair: view } };
    },
  ),
  endpoint(
    {
      id: 'keypairs.show',
      method: 'GET',
      path: '/v2.1/os-keypairs/:name',
      rule: 'os_compute_api:os-keypairs:show',
      query: ['user_id'],
      reply: { 200: Type.Object({ keypair: Detail }) },
    },
    async (context, { params, query }) => {
      const keypair = await keypairGet(context, userOf(context, query), params['name'] ?? '');
      const view = {
        ...briefView(context, keypair),
        user_id: keypair.userId,
        id: keypair.number,
        created_at: isoNaive(keypair.createdAt),
        deleted: false,
        deleted_at: null,
        updated_at: null,
      };
      return { status: 200, body: { keypair: view } };
    },
  ),
  endpoint(
    {
      id: 'keypairs.delete',
      method: 'DELETE',
      path: '/v2.1/os-keypairs/:name',
      rule: 'os_compute_api:os-keypairs:delete',
      query: ['user_id'],
      reply: { 202: null, 204: null },
    },
    async (context, { params, query }) => {
      await keypairDelete(context, userOf(context, query), params['name'] ?? '');
      return { status: context.since('2.2') ? 204 : 202 };
    },
  ),
];

/** Pages exist from 2.35 on; the marker is the name of the last key pair seen. */
function pageOf(
  context: KeypairContext,
  query: URLSearchParams,
  all: readonly Keypair[],
): { shown: readonly Keypair[]; next: string | null } {
  if (!context.since('2.35')) return { shown: all, next: null };
  const marker = query.get('marker');
  const after = marker === null ? -1 : all.findIndex(({ name }) => name === marker);
  if (marker !== null && after === -1) throw invalid(`marker [${marker}] not found`);
  const wanted = query.get('limit') ?? '1000';
  if (!/^\d+$/.test(wanted))
    throw invalid(`Invalid input for query parameters limit. Value: ${wanted}.`);
  const limit = Number(wanted) === 0 ? 1_000 : Math.min(Number(wanted), 1_000);
  const shown = all.slice(after + 1, after + 1 + limit);
  const last = shown.at(-1);
  if (last === undefined || after + 1 + limit >= all.length) return { shown, next: null };
  const rest = new URLSearchParams(query);
  rest.set('marker', last.name);
  return { shown, next: `${context.baseUrl}/v2.1/os-keypairs?${rest.toString()}` };
}
