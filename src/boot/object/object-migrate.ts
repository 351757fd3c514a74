import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock as clock } from '../../kernel/clock.ts';
import { randomIds as ids } from '../../kernel/ids.ts';
import { silentLog as log } from '../../kernel/log.ts';
import { objectSettingsDefault } from '../../object/object.world.ts';
import { blobsMoveOut } from '../../object/reconcile/move-out.ts';
import { exitCodes, UserError } from '../command.ts';
import { lockHold } from '../lock.ts';
import { storeEngines, storeOpen } from './object-store.ts';
import { bytesFileWrite } from './bytes-file.ts';
import { outsideParse, outsideStore } from './outside.ts';
import { ownerBecome } from './store-owner.ts';
import { standaloneIdentity } from './standalone-identity.ts';

/** Moves the bytes of a store to another one while it is served; repeated, it moves what was left. */
export async function objectMigrateOut(
  dataDir: string,
  { databaseUrl, bytesUrl }: { readonly databaseUrl: string | null; readonly bytesUrl: string },
): Promise<number> {
  const place = outsideParse(bytesUrl);
  if (!existsSync(join(dataDir, 'store.json')))
    throw new UserError(`there is no store in ${dataDir}`, exitCodes.notRunning);
  // Two that move the same bytes would undo each other's.
  lockHold(join(dataDir, 'migrate.lock'));
  const engineOpen = await storeEngines(dataDir, databaseUrl);
  ownerBecome(dataDir);
  bytesFileWrite(dataDir, place);
  const outside = outsideStore(place);
  const store = await storeOpen({
    dataDir,
    mirrors: [],
    outside,
    engineOpen,
    settings: objectSettingsDefault,
    identity: standaloneIdentity([], []),
    clock,
    ids,
    log,
  });
  // Files that are being moved stay as long as this program says that it is there.
  const stop = new AbortController();
  const beating = store.disk.worker.beat(stop.signal);
  try {
    // What is moved is found by nobody who does not know where.
    while (!store.disk.worker.isOutsideKnown()) await clock.sleep(500);
    const { moved, bytes, left } = await blobsMoveOut(store.world, store.disk, outside);
    const mib = (bytes / 2 ** 20).toFixed(1);
    console.log(`moved ${moved} runs of bytes, ${mib} MiB; ${left} are damaged and stay`);
    return left === 0 ? exitCodes.ok : exitCodes.degraded;
  } finally {
    stop.abort();
    await beating;
    await store.close();
  }
}
