import { notFound } from '../kernel/errors.ts';
import type { Endpoint } from '../kernel/http/endpoint.ts';
import { Type } from '../kernel/type.ts';
import { endpoint } from './collection.routes.ts';
import { resourceFind, type Collection, type NetworkContext } from './collection.ts';
import { Strings } from './collection.schema.ts';
import type { StandardColumns } from './network.tables.ts';
import { networkWrite, type NetworkTx, type NetworkWorld } from './network.world.ts';
import { tagsReplace } from './tag.store.ts';

const TagsBody = Type.Object({ tags: Strings }, { additionalProperties: false });
const TagsReply = Type.Object({ tags: Strings });

/** Tags of one kind of resource; changing them is changing it. */
export function tagEndpoints<Row extends StandardColumns, View extends object>(
  collection: Collection<Row, View>,
): Endpoint<NetworkWorld>[] {
  const { name, plural, path } = collection;
  const route = (verb: string, method: 'GET' | 'PUT' | 'DELETE', below: string) => ({
    id: `${plural}.tags.${verb}`,
    method,
    path: `/v2.0/${path}/:id/tags${below}`,
    rule: method === 'GET' ? `get_${name}` : `update_${name}`,
  });
  return [
    endpoint(
      { ...route('list', 'GET', ''), reply: { 200: TagsReply } },
      async (context, { params: { id = '' } }) => {
        const tags = await tagsRead(context, collection, id);
        return { status: 200, body: { tags } };
      },
    ),
    endpoint(
      { ...route('replace', 'PUT', ''), body: TagsBody, reply: { 200: TagsReply } },
      async (context, { params: { id = '' }, body }) => {
        const tags = [...new Set(body.tags)];
        await tagsChange(context, collection, id, () => tags);
        return { status: 200, body: { tags } };
      },
    ),
    endpoint(
      { ...route('clear', 'DELETE', ''), reply: { 204: null } },
      async (context, { params: { id = '' } }) => {
        await tagsChange(context, collection, id, () => []);
        return { status: 204 };
      },
    ),
    endpoint(
      { ...route('show', 'GET', '/:tag'), reply: { 204: null } },
      async (context, { params: { id = '', tag = '' } }) => {
        const tags = await tagsRead(context, collection, id);
        if (!tags.includes(tag)) throw tagMissing(tag);
        return { status: 204 };
      },
    ),
    endpoint(
      { ...route('add', 'PUT', '/:tag'), reply: { 201: null } },
      async (context, { params: { id = '', tag = '' } }) => {
        await tagsChange(context, collection, id, (tags) => [...new Set([...tags, tag])]);
        return { status: 201 };
      },
    ),
    endpoint(
      { ...route('remove', 'DELETE', '/:tag'), reply: { 204: null } },
      async (context, { params: { id = '', tag = '' } }) => {
        await tagsChange(context, collection, id, (tags) => {
          if (!tags.includes(tag)) throw tagMissing(tag);
          return tags.filter((other) => other !== tag);
        });
        return { status: 204 };
      },
    ),
  ];
}

async function tagsRead<Row extends StandardColumns, View extends object>(
  context: NetworkContext,
  collection: Collection<Row, View>,
  id: string,
): Promise<string[]> {
  return context.world.db.read(async (tx) => {
    await resourceFind({ context, work: { tx } }, collection, id);
    return tagsSelect(tx, id);
  });
}

async function tagsChange<Row extends StandardColumns, View extends object>(
  context: NetworkContext,
  collection: Collection<Row, View>,
  id: string,
  change: (tags: readonly string[]) => readonly string[],
): Promise<void> {
  await networkWrite(context.world, async (work) => {
    const { row, target } = await resourceFind({ context, work }, collection, id);
    context.authorize(`update_${collection.name}`, target);
    await tagsReplace(work, id, change(await tagsSelect(work.tx, id)));
    await work.tx
      .updateTable(collection.table as 'network')
      .set({ revision: row.revision + 1, updated_at: work.now })
      .where('id', '=', id)
      .execute();
  });
}

const tagMissing = (tag: string) =>
  notFound(`Tag ${tag} could not be found.`, { type: 'TagNotFound' });

async function tagsSelect(tx: NetworkTx, id: string): Promise<string[]> {
  const rows = await tx
    .selectFrom('network_tag')
    .select('tag')
    .where('resource_id', '=', id)
    .orderBy('tag')
    .execute();
  return rows.map(({ tag }) => tag);
}
