import { notFound } from '../kernel/errors.ts';
import type { Account, AccountCounts, Documents } from './container.model.ts';
import type { ObjectWorld } from './object.world.ts';
import { accountSums } from './store/container.store.ts';

/** An account that was never written to is an empty one: `isStored` tells. */
export async function accountGet(world: ObjectWorld, name: string): Promise<Account> {
  const row = await world.root.read((tx) =>
    tx.selectFrom('account').selectAll().where('name', '=', name).executeTakeFirst(),
  );
  if (row === undefined) {
    return { name, isStored: false, createdUs: 0, modifiedUs: 0, documents: {} };
  }
  return {
    name,
    isStored: true,
    createdUs: row.created_us,
    modifiedUs: row.modified_us,
    documents: JSON.parse(row.documents) as Documents,
  };
}

/** Sums over its containers; exact, though not of one moment when containers are in several shards. */
export async function accountCounts(world: ObjectWorld, name: string): Promise<AccountCounts> {
  const sums = await Promise.all(
    world.shards.map((shard) => shard.read((tx) => accountSums(tx, name))),
  );
  return sums.reduce((a, b) => ({
    containers: a.containers + b.containers,
    objects: a.objects + b.objects,
    bytes: a.bytes + b.bytes,
  }));
}

/** Makes or changes the documents of an account by what is there now; see `containerUpdate`. */
export async function accountUpdate(
  world: ObjectWorld,
  name: string,
  change: (documents: Documents) => Documents,
): Promise<Account> {
  return world.root.write(async (tx) => {
    const row = await tx
      .selectFrom('account')
      .selectAll()
      .where('name', '=', name)
      .executeTakeFirst();
    const nowUs = world.ticksUs();
    const documents = change(row === undefined ? {} : (JSON.parse(row.documents) as Documents));
    const createdUs = row?.created_us ?? nowUs;
    const changed = { modified_us: nowUs, documents: JSON.stringify(documents) };
    await tx
      .insertInto('account')
      .values({ name, created_us: createdUs, ...changed })
      .onConflict((conflict) => conflict.column('name').doUpdateSet(changed))
      .execute();
    return { name, isStored: true, createdUs, modifiedUs: nowUs, documents };
  });
}

/** Forgets the account's documents. Containers are the caller's to delete first. */
export async function accountDelete(world: ObjectWorld, name: string): Promise<void> {
  const row = await world.root.write((tx) =>
    tx.deleteFrom('account').where('name', '=', name).returning('name').executeTakeFirst(),
  );
  if (row === undefined) throw notFound('There is no such account.', { type: 'NoSuchAccount' });
}
