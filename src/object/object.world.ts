import type { Clock } from '../kernel/clock.ts';
import type { Db, Engine } from '../kernel/db.ts';
import type { Ids } from '../kernel/ids.ts';
import type { Log } from '../kernel/log.ts';
import { kernelMigrations } from '../kernel/tables.ts';
import type { BlobStore } from './blob/blob.model.ts';
import { fullDiskOf } from './blob/disk-full.ts';
import type { ObjectIdentity } from './identity.port.ts';
import { rootMigrations, shardMigrations } from './object.migrations.ts';
import type { RootTables, ShardTables } from './object.tables.ts';

export interface ObjectSettings {
  /** Largest body of one PUT or part. */
  readonly objectLimitBytes: number;
  readonly region: string;
  /** `AUTH_`: what stands before a project's id in the name of its account. */
  readonly resellerPrefix: string;
  /** Virtual-hosted buckets: `<bucket>.<one of these>`. */
  readonly s3Domains: readonly string[];
  /** Domain remapping: `<container>.<account>.<one of these>`. */
  readonly swiftDomains: readonly string[];
  readonly swift: {
    /** Accounts that only a service may enter: their prefix, and the role its token must have. */
    readonly servicePrefixes: readonly { readonly prefix: string; readonly role: string }[];
    /** Where containers may be synchronised to by their whole address. */
    readonly syncHosts: readonly string[];
    readonly syncRealms: readonly SyncRealm[];
  };
  readonly s3: {
    /** Length of a day of lifecycle rules: shorter where they are tried. */
    readonly dayMs: number;
    /** What the URLs of notifications may begin with. */
    readonly webhookPrefixes: readonly string[];
  };
  /** 32 bytes, the same in every worker and after every start: tokens and data keys are derived from it. */
  readonly secret: Buffer;
  /** Stand-alone: who may come in with a name and a key (`/auth/v1.0`). Empty in a cloud. */
  readonly tempauth: readonly TempauthUser[];
}

/** Clusters that agreed to synchronise containers. Names are in capitals. */
export interface SyncRealm {
  readonly name: string;
  readonly key: string;
  /** Addresses by name, such as `https://host:8080/v1/`. */
  readonly clusters: Readonly<Record<string, string>>;
  /** Which of them is this store; null: not said. */
  readonly current: string | null;
}

export interface TempauthUser {
  /** Without prefix: the account is `AUTH_<account>`. */
  readonly account: string;
  readonly user: string;
  readonly key: string;
  /** `.admin`, `.reseller_admin`, `.reseller_reader` or names of one's own. */
  readonly groups: readonly string[];
}

export interface ObjectWorld {
  readonly root: Db<RootTables>;
  readonly shards: readonly Db<ShardTables>[];
  readonly blobs: BlobStore;
  readonly identity: ObjectIdentity;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly settings: ObjectSettings;
  /** Microseconds since the epoch, never the same twice in this process. */
  readonly ticksUs: () => number;
}

export const objectSettingsDefault: Omit<ObjectSettings, 'secret'> = {
  objectLimitBytes: 5 * 2 ** 30 + 2,
  region: 'RegionOne',
  resellerPrefix: 'AUTH_',
  s3Domains: [],
  swiftDomains: [],
  tempauth: [],
  swift: { servicePrefixes: [], syncHosts: [], syncRealms: [] },
  s3: { dayMs: 86_400_000, webhookPrefixes: [] },
};

export function ticksOf(clock: Clock): () => number {
  let last = 0;
  return () => (last = Math.max(clock.now() * 1000, last + 1));
}

export interface WorldParts extends Omit<ObjectWorld, 'root' | 'shards' | 'ticksUs'> {
  readonly root: Engine;
  /** As many as the store was made with. */
  readonly shards: readonly Engine[];
}

/** Brings the databases up to date. */
export async function objectMigrate({
  root,
  shards,
}: Pick<WorldParts, 'root' | 'shards'>): Promise<void> {
  await root.migrate('kernel', kernelMigrations);
  await root.migrate('object', rootMigrations);
  for (const shard of shards) await shard.migrate('object_shard', shardMigrations(shard.kind));
}

export const objectWorldOpen = ({ root, shards, ...parts }: WorldParts): ObjectWorld => ({
  ...parts,
  root: fullDiskTold(root.db()),
  shards: shards.map((shard) => fullDiskTold(shard.db())),
  ticksUs: ticksOf(parts.clock),
});

/** A database that cannot grow says so in the words of the store. */
const fullDiskTold = <Tables>(db: Db<Tables>): Db<Tables> => ({
  read: (work) => db.read(work),
  write: (work) =>
    db.write(work).catch((error: unknown) => {
      throw fullDiskOf(error);
    }),
});
