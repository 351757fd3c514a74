import { conflict, invalid } from '../kernel/errors.ts';
import { flag } from '../kernel/db.ts';
import {
  bitsOf,
  prefixContains,
  prefixParse,
  prefixText,
  rangesMerge,
  type Prefix,
} from './address.model.ts';
import { subnetPrefix } from './address.store.ts';
import { authorizeWish, projectFor, type Act, type Loaded } from './collection.ts';
import { asBoolean, asInteger } from './collection.schema.ts';
import type { Columns } from './collection.routes.ts';
import { invalidInput } from './network.errors.ts';
import type { SubnetPoolTable } from './network.tables.ts';
import type { NetworkTx } from './network.world.ts';
import { quotaTake } from './quota.store.ts';
import { poolPrefixes } from './subnet-pool-allocate.ts';
import type { SubnetPoolChange, SubnetPoolView, SubnetPoolWish } from './subnet-pool.schema.ts';

const guards = { shared: false, is_default: false } as const;

export async function subnetPoolCreate(
  { context, work }: Act,
  wish: SubnetPoolWish,
): Promise<string> {
  const { tx, world, now } = work;
  const projectId = projectFor(context, wish);
  const target = { project_id: projectId, tenant_id: projectId };
  authorizeWish(context, 'create', 'subnetpool', { wish, guards, target });
  await quotaTake(tx, world, 'subnetpool', projectId);
  const prefixes = prefixesRead(wish.prefixes);
  const version = prefixes[0]?.version ?? 4;
  const isDefault = asBoolean(wish.is_default ?? false);
  if (isDefault) await defaultCheck(tx, version);
  const row: SubnetPoolTable = {
    id: world.ids.uuid(),
    project_id: projectId,
    name: wish.name,
    description: wish.description ?? '',
    ip_version: version,
    prefixes: JSON.stringify(compacted(prefixes)),
    ...lengthsRead(wish, version, null),
    default_quota: quotaRead(wish.default_quota ?? null),
    is_default: flag(isDefault),
    shared: flag(asBoolean(wish.shared ?? false)),
    revision: 0,
    created_at: now,
    updated_at: now,
  };
  await tx.insertInto('subnet_pool').values(row).execute();
  return row.id;
}

const quotaRead = (value: string | number | null): number | null => {
  if (value === null) return null;
  const quota = asInteger(value);
  if (quota < 0) throw invalidInput(`'${quota}' should be non-negative`);
  return quota;
};

export function prefixesRead(texts: readonly string[]): Prefix[] {
  const prefixes = texts.map((text) => {
    const prefix = prefixParse(text);
    if (prefix === null) throw invalidInput(`'${text}' is not a valid IP subnet`);
    return prefix;
  });
  if (new Set(prefixes.map(({ version }) => version)).size > 1) {
    throw invalid('Cannot mix IPv4 and IPv6 prefixes in a subnet pool.', {
      type: 'PrefixVersionMismatch',
    });
  }
  return prefixes;
}

/** Neighbours become one, as far as a prefix can say it; overlaps disappear. */
function compacted(prefixes: readonly Prefix[]): string[] {
  const version = prefixes[0]?.version ?? 4;
  const bits = bitsOf(version);
  const texts: string[] = [];
  for (const range of rangesMerge(prefixes)) {
    for (let at = range.first; at <= range.last;) {
      let length = bits;
      const fits = (shorter: number): boolean => {
        const size = 1n << BigInt(bits - shorter);
        return shorter >= 0 && at % size === 0n && at + size - 1n <= range.last;
      };
      while (fits(length - 1)) length--;
      const size = 1n << BigInt(bits - length);
      texts.push(prefixText({ version, first: at, last: at + size - 1n, length }));
      at += size;
    }
  }
  return texts;
}

type Lengths = Pick<SubnetPoolTable, 'default_prefixlen' | 'min_prefixlen' | 'max_prefixlen'>;

function lengthsRead(wish: SubnetPoolChange, version: 4 | 6, before: Lengths | null): Lengths {
  const bits = bitsOf(version);
  const read = (value: string | number | undefined, other: number): number =>
    value === undefined ? other : asInteger(value);
  const min = read(wish.min_prefixlen, before?.min_prefixlen ?? (version === 4 ? 8 : 64));
  const max = read(wish.max_prefixlen, before?.max_prefixlen ?? bits);
  const usual = read(wish.default_prefixlen, before?.default_prefixlen ?? min);
  const bound = (type: string, name: string, value: number, base: string, at: number): never => {
    throw invalid(`Illegal prefix bounds: ${name}=${value}, ${base}=${at}.`, { type });
  };
  const type = 'IllegalSubnetPoolPrefixBounds';
  if (min < 0) bound(type, 'min_prefixlen', min, 'min_prefixlen', 0);
  if (max > bits) bound(type, 'max_prefixlen', max, 'max_prefixlen', bits);
  if (min > max) bound(type, 'min_prefixlen', min, 'max_prefixlen', max);
  if (usual < min) bound(type, 'default_prefixlen', usual, 'min_prefixlen', min);
  if (usual > max) bound(type, 'default_prefixlen', usual, 'max_prefixlen', max);
  return { default_prefixlen: usual, min_prefixlen: min, max_prefixlen: max };
}

async function defaultCheck(tx: NetworkTx, version: 4 | 6): Promise<void> {
  const other = await tx
    .selectFrom('subnet_pool')
    .select('id')
    .where('is_default', '=', 1)
    .where('ip_version', '=', version)
    .executeTakeFirst();
  if (other === undefined) return;
  throw invalidInput(
    'A default subnetpool for this IP family has already been set. Only one default may exist per IP family',
  );
}

export async function subnetPoolUpdate(
  { context, work }: Act,
  { row, target }: Loaded<SubnetPoolTable, SubnetPoolView>,
  wish: SubnetPoolChange,
): Promise<Columns<SubnetPoolTable>> {
  authorizeWish(context, 'update', 'subnetpool', { wish, guards, target });
  const isDefault = asBoolean(wish.is_default ?? row.is_default === 1);
  if (isDefault && row.is_default === 0) await defaultCheck(work.tx, row.ip_version);
  const { name, description } = wish;
  return {
    ...(name !== undefined && { name }),
    ...(description !== undefined && { description }),
    ...(wish.prefixes !== undefined && { prefixes: prefixesGrow(row, wish.prefixes) }),
    ...lengthsRead(wish, row.ip_version, row),
    ...(wish.default_quota !== undefined && { default_quota: quotaRead(wish.default_quota) }),
    is_default: flag(isDefault),
  };
}

/** An update may only add. */
function prefixesGrow(row: SubnetPoolTable, texts: readonly string[]): string {
  const wanted = prefixesRead(texts);
  if (wanted.some(({ version }) => version !== row.ip_version)) {
    throw invalid(`Prefix '${texts[0]}' not supported in IPv${row.ip_version} pool.`, {
      type: 'PrefixVersionMismatch',
    });
  }
  const all = compacted(wanted);
  const covers = all.flatMap((text) => prefixParse(text) ?? []);
  const lost = poolPrefixes(row).find((one) => !covers.some((outer) => prefixContains(outer, one)));
  if (lost === undefined) return JSON.stringify(all);
  throw invalid(
    `Illegal update to prefixes: Existing prefixes must be a subset of the new prefixes.`,
    { type: 'IllegalSubnetPoolPrefixUpdate' },
  );
}

export async function subnetPoolDelete(
  { work }: Act,
  { row }: Loaded<SubnetPoolTable, SubnetPoolView>,
): Promise<void> {
  const used = await work.tx
    .selectFrom('subnet')
    .select('id')
    .where('subnet_pool_id', '=', row.id)
    .executeTakeFirst();
  if (used !== undefined) {
    throw conflict('Unable to delete subnet pool: Subnet pool has existing allocations.', {
      type: 'SubnetPoolDeleteError',
    });
  }
  await work.tx.deleteFrom('subnet_pool').where('id', '=', row.id).execute();
}

/** The `add_prefixes` action: more room. */
export const poolPrefixesAdd = (row: SubnetPoolTable, texts: readonly string[]): string =>
  prefixesGrow(row, [...poolPrefixes(row).map(prefixText), ...texts]);

/** The `remove_prefixes` action: less room, but none that a subnet has. */
export async function poolPrefixesRemove(
  tx: NetworkTx,
  row: SubnetPoolTable,
  texts: readonly string[],
): Promise<string> {
  const gone = new Set(prefixesRead(texts).map(prefixText));
  const left = poolPrefixes(row).filter((prefix) => !gone.has(prefixText(prefix)));
  const subnets = await tx
    .selectFrom('subnet')
    .select('cidr')
    .where('subnet_pool_id', '=', row.id)
    .execute();
  const homeless = subnets.find(
    (subnet) => !left.some((outer) => prefixContains(outer, subnetPrefix(subnet))),
  );
  if (left.length > 0 && homeless === undefined) return JSON.stringify(left.map(prefixText));
  throw conflict(
    'Illegal update to prefixes: One or more prefixes are in use or would leave the pool empty.',
    { type: 'IllegalSubnetPoolPrefixUpdate' },
  );
}
