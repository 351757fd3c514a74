import { identityMigrations } from '../identity/identity.migrations.ts';
import type { IdentityTables } from '../identity/identity.tables.ts';
import {
  generationTable,
  identityWorldOpen,
  type IdentityWorld,
} from '../identity/identity.world.ts';
import { systemClock as clock } from '../kernel/clock.ts';
import { randomIds as ids } from '../kernel/ids.ts';
import type { Cloud } from './cloud.ts';
import { enginesLoad } from './control-parts.ts';
import { keysRead } from './key-ring.ts';
import { controlUid } from './layout.ts';
import { privilegesDrop } from './privileges.ts';

/**
 * Identity for a command of one moment, over the database of a cloud that runs or not. As control, for good: files that
 * the database makes belong to control then.
 */
export async function identityUse<T>(
  { configuration, layout }: Cloud,
  work: (world: IdentityWorld) => Promise<T>,
): Promise<T> {
  const open = await enginesLoad(configuration);
  process.umask(0o077);
  if (process.getuid?.() === 0) privilegesDrop(controlUid);
  const { region, cell } = open(layout);
  try {
    await region.migrate('identity', identityMigrations);
    return await work(
      identityWorldOpen({
        db: region.db<IdentityTables>(),
        watch: await region.watch(generationTable),
        clock,
        ids,
        tokenKeys: keysRead(layout.tokenKeyDir),
        credentialKeys: keysRead(layout.credentialKeyDir),
        settings: { tokenLifeMs: configuration.tokenLifeSec * 1000 },
      }),
    );
  } finally {
    await region.close();
    await cell.close();
  }
}
