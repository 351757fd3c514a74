import { directoryWrite } from './generation.ts';
import type { IdentityWorld } from './identity.world.ts';
import { domainNew } from './project.model.ts';
import { projectInsert } from './project.store.ts';
import { snapshotGet } from './snapshot.ts';

/** A domain for each directory that the operator's file names and nobody has made. */
export async function directoryDomainsEnsure(world: IdentityWorld): Promise<void> {
  const { domains } = await snapshotGet(world);
  const held = new Set([...domains.values()].map(({ name }) => name));
  for (const name of world.directories.configured.keys()) {
    if (held.has(name)) continue;
    const id = world.ids.hex();
    await directoryWrite(world, (tx) =>
      projectInsert(tx, domainNew({ id, name, description: 'Users and groups of a directory' })),
    );
  }
}
