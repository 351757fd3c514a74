import { containerUpdate } from '../container.ts';
import type { Container } from '../container.model.ts';
import { objectDelete } from '../object-delete.ts';
import { objectList, versionList } from '../object-list.ts';
import type { ObjectWorld } from '../object.world.ts';

const pageSize = 500;

/** Deletes everything in a container, versions included; can be run again where it was broken off. */
export async function containerEmpty(world: ObjectWorld, container: Container): Promise<void> {
  const isVersioned = container.versioning !== 'off';
  const quiet = isVersioned
    ? await containerUpdate(world, container, () => ({ versioning: 'suspended' }))
    : container;
  while (isVersioned) {
    const { entries } = await versionList(world, quiet, { limit: pageSize });
    for (const entry of entries) {
      if (entry.kind === 'prefix') continue;
      const { name, versionId } = entry.version;
      await objectDelete(world, quiet, { name, versionId, promotes: false });
    }
    if (entries.length === 0) return;
  }
  for (;;) {
    const { entries } = await objectList(world, quiet, { limit: pageSize });
    for (const entry of entries) {
      if (entry.kind === 'object') {
        await objectDelete(world, quiet, { name: entry.object.name, promotes: false });
      }
    }
    if (entries.length === 0) return;
  }
}
