import type { Tx } from '../kernel/db.ts';
import { Failure } from '../kernel/errors.ts';
import type { QuotaLimits, QuotaName } from './image.model.ts';
import type { ImageTables } from './image.tables.ts';
import type { ImageWorld } from './image.world.ts';

export type QuotaUsage = Readonly<Record<QuotaName, number>>;

const mib = 1 << 20;

/** Each copy in a store counts. */
export async function bytesUsed(tx: Tx<ImageTables>, owner: string): Promise<number> {
  const { total } = await tx
    .selectFrom('image')
    .innerJoin('image_blob', 'image_blob.image_id', 'image.id')
    .select((eb) => eb.fn.sum<number | string | null>('image.size').as('total'))
    .where('image.owner', '=', owner)
    .where('image.status', '<>', 'deleted')
    .where('image_blob.state', '=', 'live')
    .executeTakeFirstOrThrow();
  return Number(total ?? 0);
}

export async function quotaUsage(tx: Tx<ImageTables>, owner: string): Promise<QuotaUsage> {
  const staged = await tx
    .selectFrom('image')
    .innerJoin('image_blob', 'image_blob.image_id', 'image.id')
    .select((eb) => eb.fn.sum<number | string | null>('image_blob.size').as('total'))
    .where('image.owner', '=', owner)
    .where('image_blob.state', '=', 'staged')
    .executeTakeFirstOrThrow();
  const counts = await tx
    .selectFrom('image')
    .select((eb) => ['status', eb.fn.countAll<number | string>().as('count')])
    .where('owner', '=', owner)
    .where('status', 'not in', ['deleted', 'killed'])
    .groupBy('status')
    .execute();
  const countOf = (statuses: readonly string[] | null): number =>
    counts
      .filter(({ status }) => statuses === null || statuses.includes(status))
      .reduce((sum, { count }) => sum + Number(count), 0);
  return {
    image_size_total: Math.floor((await bytesUsed(tx, owner)) / mib),
    image_stage_total: Math.floor(Number(staged.total ?? 0) / mib),
    image_count_total: countOf(null),
    image_count_uploading: countOf(['saving', 'uploading', 'importing']),
  };
}

/** Asked before the transaction in which they are held against what is there. */
export async function quotaLimitsOf(
  { limits }: ImageWorld,
  owner: string | null,
): Promise<QuotaLimits> {
  return owner === null ? {} : await limits.limitsOf(owner);
}

/** As Glance: sizes are refused once they are over, counts before they would be. */
export async function quotaCheck(
  tx: Tx<ImageTables>,
  owner: string | null,
  limits: QuotaLimits,
  names: readonly QuotaName[],
): Promise<void> {
  const limited = names.filter((name) => (limits[name] ?? -1) >= 0);
  if (owner === null || limited.length === 0) return;
  const usage = await quotaUsage(tx, owner);
  for (const name of limited) {
    const delta = name === 'image_count_total' || name === 'image_count_uploading' ? 1 : 0;
    const limit = limits[name] ?? -1;
    if (usage[name] + delta <= limit) continue;
    throw new Failure(
      'over_quota',
      `Project ${owner} is over a limit for [Resource ${name} is over limit of ${limit} due to current usage ${usage[name]} and delta ${delta}]`,
    );
  }
}

/** What the operator's quota leaves to a project; null: any amount. */
export async function spareBytesOf(
  { db, settings }: ImageWorld,
  owner: string | null,
): Promise<number | null> {
  const { storageQuotaBytes } = settings;
  if (storageQuotaBytes === null || owner === null) return null;
  return storageQuotaBytes - (await db.read((tx) => bytesUsed(tx, owner)));
}
