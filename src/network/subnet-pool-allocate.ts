import { conflict, invalid } from '../kernel/errors.ts';
import {
  bitsOf,
  prefixAt,
  prefixContains,
  prefixesOverlap,
  prefixParse,
  prefixText,
  type Prefix,
} from './address.model.ts';
import { subnetPrefix } from './address.store.ts';
import type { Act } from './collection.ts';
import { resourceFind } from './collection.ts';
import { badRequest } from './network.errors.ts';
import type { SubnetPoolTable } from './network.tables.ts';
import type { NetworkTx } from './network.world.ts';
import { subnetPools } from './subnet-pool.collection.ts';

export interface PrefixWish {
  /** Null: the default pool of the version. */
  readonly poolId: string | null;
  readonly networkId: string;
  readonly projectId: string;
  readonly version: 4 | 6;
  readonly length: number | null;
  readonly exactly: Prefix | null;
}

/** A part of the pool that no subnet has: the one asked for, or the lowest that is free. */
export async function prefixAllocate(
  act: Act,
  wish: PrefixWish,
): Promise<{ prefix: Prefix; poolId: string }> {
  return prefixTake(act.work.tx, await poolFind(act, wish), wish);
}

export async function prefixTake(
  tx: NetworkTx,
  pool: SubnetPoolTable,
  wish: PrefixWish,
): Promise<{ prefix: Prefix; poolId: string }> {
  if (pool.ip_version !== wish.version) {
    throw badRequest(
      `Bad subnets request: ip_version ${wish.version} does not match that of the subnet pool.`,
    );
  }
  await affinityCheck(tx, wish, pool);
  const length = wish.exactly?.length ?? wish.length ?? pool.default_prefixlen;
  lengthCheck(pool, length);
  const rows = await tx
    .selectFrom('subnet')
    .select(['cidr', 'project_id'])
    .where('subnet_pool_id', '=', pool.id)
    .execute();
  quotaCheck(
    pool,
    length,
    rows.filter(({ project_id }) => project_id === wish.projectId),
  );
  const taken = rows.map(subnetPrefix);
  const inside = poolPrefixes(pool);
  if (wish.exactly !== null) {
    const { exactly } = wish;
    const isFree = !taken.some((other) => prefixesOverlap(other, exactly));
    if (isFree && inside.some((outer) => prefixContains(outer, exactly))) {
      return { prefix: exactly, poolId: pool.id };
    }
    throw allocationFailed('Cannot allocate requested subnet from the available set of prefixes');
  }
  const prefix = prefixFree(inside, taken, length);
  if (prefix !== null) return { prefix, poolId: pool.id };
  throw allocationFailed(`Insufficient prefix space to allocate subnet size /${length}`);
}

const allocationFailed = (reason: string) =>
  conflict(`Failed to allocate subnet: ${reason}.`, { type: 'SubnetAllocationError' });

async function poolFind(act: Act, wish: PrefixWish): Promise<SubnetPoolTable> {
  if (wish.poolId !== null) {
    const { row } = await resourceFind(act, subnetPools, wish.poolId);
    return row;
  }
  const row = await poolDefault(act.work.tx, wish.version);
  if (row !== undefined) return row;
  throw badRequest(
    'Bad subnets request: No default subnetpool was found for the address family, so a subnetpool_id or cidr must be specified.',
  );
}

export const poolDefault = (tx: NetworkTx, version: 4 | 6): Promise<SubnetPoolTable | undefined> =>
  tx
    .selectFrom('subnet_pool')
    .selectAll()
    .where('is_default', '=', 1)
    .where('ip_version', '=', version)
    .executeTakeFirst();

/** The subnets of a network come from one pool, so that they stay routable together. */
async function affinityCheck(
  tx: NetworkTx,
  { networkId, version }: PrefixWish,
  pool: SubnetPoolTable,
): Promise<void> {
  const others = await tx
    .selectFrom('subnet')
    .select('subnet_pool_id')
    .where('network_id', '=', networkId)
    .where('ip_version', '=', version)
    .execute();
  if (others.every(({ subnet_pool_id }) => subnet_pool_id === pool.id)) return;
  throw invalid('Subnets hosted on the same network must be allocated from the same subnet pool.', {
    type: 'NetworkSubnetPoolAffinityError',
  });
}

function lengthCheck({ min_prefixlen, max_prefixlen }: SubnetPoolTable, length: number): void {
  if (length >= min_prefixlen && length <= max_prefixlen) return;
  const [word, bound, type] =
    length < min_prefixlen
      ? (['minimum', min_prefixlen, 'MinPrefixSubnetAllocationError'] as const)
      : (['maximum', max_prefixlen, 'MaxPrefixSubnetAllocationError'] as const);
  throw invalid(
    `Unable to allocate subnet with prefix length ${length}, ${word} allowed prefix is ${bound}.`,
    { type },
  );
}

/** Counted in addresses in IPv4 and in /64 in IPv6. */
function quotaCheck(
  { default_quota, ip_version }: SubnetPoolTable,
  length: number,
  rows: readonly { readonly cidr: string }[],
): void {
  if (default_quota === null) return;
  const unit = ip_version === 4 ? 32 : 64;
  const sizeOf = (bits: number): bigint => 1n << BigInt(Math.max(0, unit - bits));
  const used = rows.reduce((sum, row) => sum + sizeOf(subnetPrefix(row).length), 0n);
  if (used + sizeOf(length) <= BigInt(default_quota)) return;
  throw conflict('Per-project subnet pool prefix quota exceeded.', {
    type: 'SubnetPoolQuotaExceeded',
  });
}

export const poolPrefixes = ({ prefixes }: Pick<SubnetPoolTable, 'prefixes'>): Prefix[] =>
  (JSON.parse(prefixes) as string[]).flatMap((text) => prefixParse(text) ?? []);

function prefixFree(
  inside: readonly Prefix[],
  taken: readonly Prefix[],
  length: number,
): Prefix | null {
  for (const outer of inside) {
    if (outer.length > length) continue;
    const size = 1n << BigInt(bitsOf(outer.version) - length);
    for (let at = outer.first; at <= outer.last;) {
      const candidate = prefixAt(outer.version, at, length);
      const other = taken.find((one) => prefixesOverlap(one, candidate));
      if (other === undefined) return candidate;
      // Behind whatever is in the way, at the next place where a prefix of this length can begin.
      const behind = other.last > candidate.last ? other.last + 1n : candidate.last + 1n;
      at = behind % size === 0n ? behind : behind - (behind % size) + size;
    }
  }
  return null;
}

export const poolShown = (prefixes: readonly Prefix[]): string[] => prefixes.map(prefixText);
