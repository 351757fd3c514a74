import { crc32 } from 'node:zlib';
import type { Db } from '../kernel/db.ts';
import type { Ids } from '../kernel/ids.ts';
import type { ShardTables } from './object.tables.ts';

export const shardsMax = 256;

export interface Shards {
  readonly shards: readonly Db<ShardTables>[];
}

/** Where a container is or would be: by its name alone, so that it is found with one read. */
export const shardNumberOf = ({ shards }: Shards, account: string, name: string): number =>
  crc32(`${account}/${name}`) % shards.length;

/** A container's id says where its rows are. */
export function shardOf({ shards }: Shards, containerId: number): Db<ShardTables> {
  const shard = shards[containerId % shardsMax];
  if (shard === undefined)
    throw new Error(`container ${containerId} is in a shard that is not here`);
  return shard;
}

export function shardAt({ shards }: Shards, number: number): Db<ShardTables> {
  const shard = shards[number];
  if (shard === undefined) throw new Error(`there is no shard ${number}`);
  return shard;
}

/** 45 random bits and the shard. */
export const containerIdMake = (ids: Ids, shard: number): number =>
  Math.floor(ids.secret(6).readUIntBE(0, 6) / 8) * shardsMax + shard;
