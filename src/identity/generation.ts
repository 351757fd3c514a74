import { sql } from 'kysely';
import type { Tx } from './identity.tables.ts';
import type { IdentityWorld } from './identity.world.ts';
import { revocationListSince } from './revocation.store.ts';

/**
 * A write that existing tokens may depend on: users, roles, assignments, projects, the catalog. What this process
 * remembers is stale before the caller learns that the write is done; other processes see the generation move.
 */
export async function directoryWrite<T>(
  world: IdentityWorld,
  work: (tx: Tx) => Promise<T>,
): Promise<T> {
  const { memory, clock } = world;
  const { value, ...seen } = await world.db.write(async (tx) => {
    // First, so that writers are in one order and what they revoke carries it.
    const generation = await generationAdvance(tx);
    const value = await work(tx);
    const since = { generation: memory.generation, nowMs: clock.now() };
    return { value, generation, revocations: await revocationListSince(tx, since) };
  });
  memory.advance(seen, clock.now());
  return value;
}

/**
 * Null when this process knows all that was committed, else the end of its catching up. Asked before each answer that
 * memory gives: what another process took away is gone here with the next request.
 */
export function directoryLate(world: IdentityWorld): Promise<void> | null {
  const { watch, memory } = world;
  const version = watch.version();
  if (version === memory.watched) return null;
  if (memory.catchingUp?.version === version) return memory.catchingUp.ended;
  const ended = directoryRefresh(world).then(() => void (memory.watched = version));
  memory.catchingUp = { version, ended };
  const forget = (): void => {
    if (memory.catchingUp?.ended === ended) memory.catchingUp = null;
  };
  ended.then(forget, forget);
  return ended;
}

/** Brings the memory of this process up to the database. */
export async function directoryRefresh({ db, memory, clock }: IdentityWorld): Promise<void> {
  const seen = await db.read(async (tx) => {
    const generation = await generationGet(tx);
    if (generation === memory.generation) return null;
    const since = { generation: memory.generation, nowMs: clock.now() };
    return { generation, revocations: await revocationListSince(tx, since) };
  });
  if (seen !== null) memory.advance(seen, clock.now());
}

async function generationAdvance(tx: Tx): Promise<number> {
  const { generation } = await tx
    .updateTable('identity_generation')
    .set({ generation: sql<number>`generation + 1` })
    .where('id', '=', 1)
    .returning('generation')
    .executeTakeFirstOrThrow();
  return generation;
}

async function generationGet(tx: Tx): Promise<number> {
  const { generation } = await tx
    .selectFrom('identity_generation')
    .select('generation')
    .where('id', '=', 1)
    .executeTakeFirstOrThrow();
  return generation;
}
