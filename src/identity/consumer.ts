import { forbidden } from '../kernel/errors.ts';
import { missing } from './failure.ts';
import { directoryWrite } from './generation.ts';
import type { IdentityContext } from './identity.world.ts';
import { listingOf, pageOf, type Page } from './listing.ts';
import type { Consumer } from './oauth1.model.ts';
import type { ConsumerWanted } from './oauth1.schema.ts';
import {
  consumerGet as consumerRead,
  consumerInsert,
  consumerList as consumerListRead,
  consumerRemove,
  consumerUpdate as consumerUpdateRow,
} from './oauth1.store.ts';
import { extraOf } from './reply.ts';

const knownAttributes = ['description', 'secret'];

export async function consumerCreate(
  context: IdentityContext,
  wanted: ConsumerWanted,
): Promise<Consumer> {
  context.authorize('identity:create_consumer');
  const { world, ids } = context;
  const consumer: Consumer = {
    id: ids.hex(),
    description: wanted.description ?? null,
    secret: ids.secret(16).toString('hex'),
    extra: extraOf(wanted, knownAttributes),
  };
  await world.db.write((tx) => consumerInsert(tx, world, consumer));
  return consumer;
}

export async function consumerGet(context: IdentityContext, id: string): Promise<Consumer> {
  context.authorize('identity:get_consumer');
  const found = await context.world.db.read((tx) => consumerRead(tx, context.world, id));
  if (found === null) throw missing('consumer', id);
  return found;
}

export async function consumerList(
  context: IdentityContext,
  query: URLSearchParams,
): Promise<Page<Consumer>> {
  context.authorize('identity:list_consumers');
  const { world } = context;
  const listing = listingOf(query, { description: 'text' });
  return pageOf(await world.db.read((tx) => consumerListRead(tx, world, listing)), listing);
}

export async function consumerUpdate(
  context: IdentityContext,
  id: string,
  wanted: ConsumerWanted,
): Promise<Consumer> {
  context.authorize('identity:update_consumer');
  const { world } = context;
  if ('secret' in wanted) throw forbidden('The secret of a consumer cannot be changed.');
  return await world.db.write(async (tx) => {
    const held = await consumerRead(tx, world, id);
    if (held === null) throw missing('consumer', id);
    const { description = held.description } = wanted;
    const extra = { ...held.extra, ...extraOf(wanted, knownAttributes) };
    const next = { ...held, description, extra };
    await consumerUpdateRow(tx, next);
    return next;
  });
}

/** Whatever was lent to it ends with it. */
export async function consumerDelete(context: IdentityContext, id: string): Promise<void> {
  context.authorize('identity:delete_consumer');
  const { world } = context;
  await directoryWrite(world, async (tx) => {
    if ((await consumerRead(tx, world, id)) === null) throw missing('consumer', id);
    await consumerRemove(tx, id);
  });
}
