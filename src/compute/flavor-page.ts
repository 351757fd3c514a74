import type { Context } from '../kernel/context.ts';
import { invalid } from '../kernel/errors.ts';
import type { ComputeWorld } from './compute.world.ts';
import type { FlavorPage } from './flavor.store.ts';

type FlavorContext = Context<ComputeWorld>;

const pageMax = 1_000;
const sortColumns: Readonly<Record<string, FlavorPage['sortColumn']>> = {
  flavorid: 'id',
  id: 'id',
  name: 'name',
  memory_mb: 'ram_mib',
  vcpus: 'vcpus',
  root_gb: 'disk_gib',
  ephemeral_gb: 'ephemeral_gib',
  swap: 'swap_mib',
  is_public: 'is_public',
  disabled: 'disabled',
  rxtx_factor: 'rxtx_factor_milli',
  created_at: 'created_at',
  updated_at: 'updated_at',
};

export const flavorQueryNames = [
  'minRam',
  'minDisk',
  'is_public',
  'limit',
  'marker',
  'sort_key',
  'sort_dir',
];

export function flavorPageOf(context: FlavorContext, query: URLSearchParams): FlavorPage {
  const count = (name: string, otherwise: number): number => {
    const text = query.get(name);
    if (text === null) return otherwise;
    if (/^\d+$/.test(text)) return Number(text);
    throw invalid(`Invalid ${name} filter [${text}]`);
  };
  const limit = count('limit', pageMax);
  const sortKey = query.get('sort_key') ?? 'flavorid';
  const sortColumn = sortColumns[sortKey];
  const sortDirection = query.get('sort_dir') ?? 'asc';
  if (sortColumn === undefined || (sortDirection !== 'asc' && sortDirection !== 'desc')) {
    throw invalid(`Invalid sort key or direction: ${sortKey} ${sortDirection}`);
  }
  return {
    isPublic: isPublicOf(context, query.get('is_public')),
    minRamMib: count('minRam', 0),
    minDiskGib: count('minDisk', 0),
    sortColumn,
    sortDirection,
    limit: limit === 0 ? pageMax : Math.min(limit, pageMax),
    marker: query.get('marker'),
  };
}

/** Only administrators may ask for flavors that are not public; `None` shows them both. */
function isPublicOf({ actor }: FlavorContext, text: string | null): boolean | null {
  if (!actor.roles.includes('admin')) return text === null ? null : true;
  switch (text?.toLowerCase()) {
    case undefined:
    case 'true':
    case '1':
    case 't':
    case 'yes':
      return true;
    case 'none':
      return null;
    case 'false':
    case '0':
    case 'f':
    case 'no':
      return false;
    default:
      throw invalid(`Invalid is_public filter [${text}]`);
  }
}
