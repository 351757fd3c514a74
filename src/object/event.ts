import type { Tx } from '../kernel/db.ts';
import type { Json } from './object.model.ts';
import type { ShardTables } from './object.tables.ts';
import type { ObjectWorld } from './object.world.ts';
import { shardAt } from './shard.ts';

/** Something to be told to somebody later, surely: notifications. */
export interface NewEvent {
  readonly topic: string;
  readonly value: Json;
}

export interface QueuedEvent extends NewEvent {
  readonly shard: number;
  readonly id: string;
}

export async function eventsAppend(
  tx: Tx<ShardTables>,
  { ids, clock }: Pick<ObjectWorld, 'ids' | 'clock'>,
  events: readonly NewEvent[],
): Promise<void> {
  for (const { topic, value } of events) {
    await tx
      .insertInto('event')
      .values({ id: ids.uuid(), topic, value: JSON.stringify(value), due_ms: clock.now() })
      .execute();
  }
}

/** What is due, oldest first. It stays queued until `eventDone`; `eventDelay` gives it another time. */
export async function eventsDue(
  world: ObjectWorld,
  topic: string,
  limit: number,
): Promise<QueuedEvent[]> {
  const pages = await Promise.all(
    world.shards.map(async (db, shard) => {
      const rows = await db.read((tx) =>
        tx
          .selectFrom('event')
          .select(['id', 'value', 'due_ms'])
          .where('topic', '=', topic)
          .where('due_ms', '<=', world.clock.now())
          .orderBy('due_ms')
          .orderBy('id')
          .limit(limit)
          .execute(),
      );
      return rows.map((row) => ({ ...row, shard }));
    }),
  );
  // Of all shards: a busy one keeps no other waiting.
  const due = pages.flat().toSorted((a, b) => a.due_ms - b.due_ms || (a.id < b.id ? -1 : 1));
  return due
    .slice(0, limit)
    .map(({ shard, id, value }) => ({ shard, id, topic, value: JSON.parse(value) as Json }));
}

export async function eventDone(world: ObjectWorld, { shard, id }: QueuedEvent): Promise<void> {
  await shardAt(world, shard).write((tx) => tx.deleteFrom('event').where('id', '=', id).execute());
}

export async function eventDelay(
  world: ObjectWorld,
  { shard, id }: QueuedEvent,
  delayMs: number,
): Promise<void> {
  await shardAt(world, shard).write((tx) =>
    tx
      .updateTable('event')
      .set({ due_ms: world.clock.now() + delayMs })
      .where('id', '=', id)
      .execute(),
  );
}
