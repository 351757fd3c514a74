import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock as clock } from '../../kernel/clock.ts';
import { randomIds as ids } from '../../kernel/ids.ts';
import { silentLog as log } from '../../kernel/log.ts';
import { objectSettingsDefault } from '../../object/object.world.ts';
import { scrubStateGet, type ScrubState } from '../../object/reconcile/scrub.ts';
import { damagedList, storedSums, type DamagedObject } from '../../object/store/reclaim.store.ts';
import { exitCodes, UserError } from '../command.ts';
import { storeEngines, storeOpen } from './object-store.ts';
import { standaloneIdentity } from './standalone-identity.ts';
import { ownerBecome } from './store-owner.ts';

type Sums = Awaited<ReturnType<typeof storedSums>>;

interface StoreStatus {
  readonly dataDir: string;
  readonly sums: Sums;
  readonly scrub: ScrubState;
  /** Objects whose bytes differ from their sums, without a good copy. */
  readonly damaged: readonly DamagedObject[];
}

const damagedMax = 1000;

/** Prints how a store is, whether it is served at this moment or not. */
export async function objectStatus(
  dataDir: string,
  { databaseUrl, asJson }: { readonly databaseUrl: string | null; readonly asJson: boolean },
): Promise<number> {
  if (!existsSync(join(dataDir, 'store.json')))
    throw new UserError(`there is no store in ${dataDir}`, exitCodes.notRunning);
  ownerBecome(dataDir);
  const status = await statusRead(dataDir, databaseUrl);
  console.log(asJson ? JSON.stringify(status) : statusText(status));
  return status.sums.damaged === 0 ? exitCodes.ok : exitCodes.degraded;
}

async function statusRead(dataDir: string, databaseUrl: string | null): Promise<StoreStatus> {
  const store = await storeOpen({
    dataDir,
    mirrors: [],
    engineOpen: await storeEngines(dataDir, databaseUrl),
    settings: objectSettingsDefault,
    identity: standaloneIdentity([], []),
    clock,
    ids,
    log,
  });
  const { world } = store;
  try {
    const sums = await Promise.all(world.shards.map((shard) => shard.read(storedSums)));
    const damaged = await Promise.all(
      world.shards.map((shard) => shard.read((tx) => damagedList(tx, damagedMax))),
    );
    return {
      dataDir,
      sums: sums.reduce(sumsAdd),
      scrub: await scrubStateGet(world),
      damaged: damaged.flat(),
    };
  } finally {
    await store.close();
  }
}

const sumsAdd = (a: Sums, b: Sums): Sums =>
  Object.fromEntries(
    Object.entries(a).map(([name, value]) => [name, value + b[name as keyof Sums]]),
  ) as unknown as Sums;

function statusText({ dataDir, sums, scrub, damaged }: StoreStatus): string {
  const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  const pass = scrub.at === null ? 'between two passes' : 'under way';
  const lines = [
    `The store in ${dataDir}:`,
    '',
    `containers  ${sums.containers}`,
    `objects     ${sums.objects}, ${mib(sums.bytes)}`,
    `versions    ${sums.versions} more, ${mib(sums.versionBytes)}`,
    `uploads     ${sums.uploads} under way`,
    `to reclaim  ${sums.reclaimable} files`,
    `scrubbing   ${pass}; ${scrub.passes} passes ended, ${mib(scrub.checkedBytes)} read and ${scrub.repaired} blocks mended in the last`,
    `damaged     ${damaged.length === 0 ? 'nothing' : `${damaged.length} objects, without a good copy:`}`,
    ...damaged.map(
      ({ account, container, name, blob }) =>
        `  ${account}/${container}/${name}  (bytes as they are: quarantine/${blob})`,
    ),
  ];
  return lines.join('\n');
}
