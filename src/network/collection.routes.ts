/** Makes the endpoints of a collection out of its description. */
import type { Static, TSchema } from 'typebox';
import { endpointsOf, type Endpoint, type Input } from '../kernel/http/endpoint.ts';
import { Type } from '../kernel/type.ts';
import {
  resourceFind,
  viewShown,
  viewerOf,
  type Act,
  type Collection,
  type Identified,
  type Loaded,
  type NetworkContext,
} from './collection.ts';
import { Links } from './collection.schema.ts';
import { rowsList } from './collection.store.ts';
import { listQueryParse, pageLinks } from './list-query.ts';
import { badRequest } from './network.errors.ts';
import type { StandardColumns } from './network.tables.ts';
import { networkWrite, type NetworkWorld, type Work } from './network.world.ts';
import { revisionAssert } from './revision.ts';
import { sql } from 'kysely';

export const endpoint = endpointsOf<NetworkWorld>();
type NetworkEndpoint = Endpoint<NetworkWorld>;
export type Found<Row> = Loaded<Row, object>;

const replyOne = (name: string, schema: TSchema): TSchema =>
  Type.Object({ [name]: Type.Partial(schema) });

export function readEndpoints<Row extends Identified, View extends object>(
  collection: Collection<Row, View>,
): NetworkEndpoint[] {
  const { name, plural, path, schema } = collection;
  const listReply = Type.Object({
    [plural]: Type.Array(Type.Partial(schema)),
    [`${plural}_links`]: Type.Optional(Links),
  });
  return [
    endpoint(
      {
        id: `${plural}.list`,
        method: 'GET',
        path: `/v2.0/${path}`,
        rule: `get_${name}`,
        reply: { 200: listReply },
      },
      async (context, { query }) => ({
        status: 200,
        body: await collectionList(context, collection, query),
      }),
    ),
    endpoint(
      {
        id: `${plural}.show`,
        method: 'GET',
        path: `/v2.0/${path}/:id`,
        rule: `get_${name}`,
        reply: { 200: replyOne(name, schema) },
      },
      async (context, { params: { id = '' }, query }) => {
        const fields = query.getAll('fields');
        const shown = await context.world.db.read(async (tx) => {
          const found = await resourceFind({ context, work: { tx } }, collection, id);
          return viewShown(context, collection, found, fields);
        });
        return { status: 200, body: { [name]: shown } };
      },
    ),
  ];
}

async function collectionList<Row extends Identified, View extends object>(
  context: NetworkContext,
  collection: Collection<Row, View>,
  parameters: URLSearchParams,
): Promise<Record<string, unknown>> {
  const { name, plural, path, attributes, isTaggable } = collection;
  const query = listQueryParse(parameters, attributes, isTaggable);
  const viewer = viewerOf(context);
  return context.world.db.read(async (tx) => {
    const rows = await rowsList(tx, collection, query, viewer);
    const loaded = await collection.load(tx, rows, viewer);
    const shown = loaded
      .filter(({ target }) => context.allows(`get_${name}`, target))
      .map((one) => viewShown(context, collection, one, query.fields));
    const base = `${context.baseUrl}/v2.0/${path}`;
    const ids = rows.map(({ id }) => id);
    const links = pageLinks(base, parameters, query, ids);
    return { [plural]: shown, ...(links.length > 0 && { [`${plural}_links`]: links }) };
  });
}

/** `{thing: {...}}` makes one, `{things: [...]}` makes all or none. */
export function createEndpoint<Row extends Identified, View extends object, Wish extends TSchema>(
  collection: Collection<Row, View>,
  schema: Wish,
  create: (act: Act, wish: Static<Wish>) => Promise<string>,
): NetworkEndpoint {
  const { name, plural, path, schema: view } = collection;
  const body = Type.Object(
    { [name]: Type.Optional(schema), [plural]: Type.Optional(Type.Array(schema)) },
    { additionalProperties: false },
  );
  const created = Type.Object({
    [name]: Type.Optional(Type.Partial(view)),
    [plural]: Type.Optional(Type.Array(Type.Partial(view))),
  });
  return endpoint(
    {
      id: `${plural}.create`,
      method: 'POST',
      path: `/v2.0/${path}`,
      rule: `create_${name}`,
      body,
      reply: { 201: created },
    },
    async (context, { body: wanted }: Input<Record<string, unknown>>) => {
      const one = wanted[name] as Static<Wish> | undefined;
      const many = wanted[plural] as Static<Wish>[] | undefined;
      if ((one === undefined) === (many === undefined)) {
        throw badRequest(`Unable to find '${name}' in request body`);
      }
      if (many?.length === 0) throw badRequest('Resources required');
      const shown = await networkWrite(context.world, async (work) => {
        const views: Partial<View>[] = [];
        for (const wish of many ?? [one as Static<Wish>]) {
          const id = await create({ context, work }, wish);
          views.push(await viewAfter(context, work, collection, id));
        }
        return views;
      });
      return { status: 201, body: many === undefined ? { [name]: shown[0] } : { [plural]: shown } };
    },
  );
}

/** What the actor sees of what it just made or changed, even where it may not look later. */
async function viewAfter<Row extends Identified, View extends object>(
  context: NetworkContext,
  { tx }: Work,
  collection: Collection<Row, View>,
  id: string,
): Promise<Partial<View>> {
  const { rows } = await sql<Row>`SELECT t.* FROM ${sql.table(collection.table)} AS t
    WHERE t.id = ${id}`.execute(tx);
  const [loaded] = await collection.load(tx, rows, viewerOf(context));
  if (loaded === undefined) throw new Error(`${collection.name} ${id} is not there after a write`);
  return viewShown(context, collection, loaded);
}

/** The columns that change; the revision is raised with them. */
export type Columns<Row> = Partial<Omit<Row, 'id' | 'revision' | 'created_at' | 'updated_at'>>;

export function updateEndpoint<Row extends Identified, View extends object, Wish extends TSchema>(
  collection: Collection<Row, View>,
  schema: Wish,
  update: (act: Act, found: Loaded<Row, View>, wish: Static<Wish>) => Promise<Columns<Row>>,
): NetworkEndpoint {
  const { name, plural, path, table, schema: view } = collection;
  return endpoint(
    {
      id: `${plural}.update`,
      method: 'PUT',
      path: `/v2.0/${path}/:id`,
      rule: `update_${name}`,
      body: Type.Object({ [name]: schema }, { additionalProperties: false }),
      reply: { 200: replyOne(name, view) },
    },
    async (context, { params: { id = '' }, headers, body }: Input<Record<string, unknown>>) => {
      const wish = body[name] as Static<Wish>;
      const shown = await networkWrite(context.world, async (work) => {
        const act = { context, work };
        const found = await resourceFind(act, collection, id);
        const { revision } = found.row as Partial<StandardColumns>;
        if (revision !== undefined) revisionAssert(headers['if-match'], revision);
        const columns = await update(act, found, wish);
        // Not every resource counts its changes.
        const counted =
          revision === undefined ? {} : { revision: sql`revision + 1`, updated_at: work.now };
        await rowUpdate(work, table, id, { ...columns, ...counted });
        return viewAfter(context, work, collection, id);
      });
      return { status: 200, body: { [name]: shown } };
    },
  );
}

async function rowUpdate(
  { tx }: Work,
  table: string,
  id: string,
  columns: Readonly<Record<string, unknown>>,
): Promise<void> {
  const changes = Object.entries(columns)
    .filter(([, value]) => value !== undefined)
    .map(([column, value]) => sql`${sql.ref(column)} = ${value}`);
  if (changes.length === 0) return;
  await sql`UPDATE ${sql.table(table)} SET ${sql.join(changes)} WHERE id = ${id}`.execute(tx);
}

export function deleteEndpoint<Row extends Identified, View extends object>(
  collection: Collection<Row, View>,
  remove: (act: Act, found: Loaded<Row, View>) => Promise<void>,
): NetworkEndpoint {
  const { name, plural, path } = collection;
  return endpoint(
    {
      id: `${plural}.delete`,
      method: 'DELETE',
      path: `/v2.0/${path}/:id`,
      rule: `delete_${name}`,
      reply: { 204: null },
    },
    async (context, { params: { id = '' }, headers }) => {
      await networkWrite(context.world, async (work) => {
        const act = { context, work };
        const found = await resourceFind(act, collection, id);
        context.authorize(`delete_${name}`, found.target);
        const { revision } = found.row as Partial<StandardColumns>;
        if (revision !== undefined) revisionAssert(headers['if-match'], revision);
        await remove(act, found);
        await work.tx.deleteFrom('network_tag').where('resource_id', '=', id).execute();
      });
      return { status: 204 };
    },
  );
}
