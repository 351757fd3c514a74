import type { ObjectWorld } from './object.world.ts';
import { shardAt, shardNumberOf } from './shard.ts';
import { containerByName } from './store/container.store.ts';

/** A claim whose container is not there after this long belongs to nobody: its maker died in between. */
const claimLostMs = 60_000;

/** The account that has a bucket name; null: nobody. */
export async function bucketAccount(world: ObjectWorld, name: string): Promise<string | null> {
  const row = await world.root.read((tx) =>
    tx.selectFrom('bucket').selectAll().where('name', '=', name).executeTakeFirst(),
  );
  if (row === undefined) return null;
  const { account, claimed_ms } = row;
  if (world.clock.now() - claimed_ms < claimLostMs) return account;
  const shard = shardAt(world, shardNumberOf(world, account, name));
  const container = await shard.read((tx) => containerByName(tx, account, name));
  if (container !== null) return account;
  await bucketRelease(world, account, name);
  return null;
}

/** True: the name is this account's, now or before. */
export async function bucketClaim(
  world: ObjectWorld,
  account: string,
  name: string,
): Promise<boolean> {
  const owner = await bucketAccount(world, name);
  if (owner !== null) return owner === account;
  const claimed = await world.root.write((tx) =>
    tx
      .insertInto('bucket')
      .values({ name, account, claimed_ms: world.clock.now() })
      .onConflict((conflict) => conflict.column('name').doNothing())
      .returning('name')
      .executeTakeFirst(),
  );
  return claimed !== undefined;
}

/** After the container is gone. One that was made anew meanwhile keeps its name. */
export async function bucketRelease(
  world: ObjectWorld,
  account: string,
  name: string,
): Promise<void> {
  await world.root.write((tx) =>
    tx.deleteFrom('bucket').where('name', '=', name).where('account', '=', account).execute(),
  );
}
