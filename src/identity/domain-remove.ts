import { forbidden } from '../kernel/errors.ts';
import { domainContentsRemove } from './domain.store.ts';
import { missing } from './failure.ts';
import { directoryWrite } from './generation.ts';
import { defaultDomainId, type IdentityWorld } from './identity.world.ts';
import { immutableDeleteCheck } from './immutable.ts';
import { projectGet, projectListSubtree, projectRemove } from './project.store.ts';
import { revocationInsert } from './revocation.store.ts';

/** Everything in it goes with it; that it must be disabled first is the protection against accidents. */
export async function domainRemove(world: IdentityWorld, id: string): Promise<void> {
  if (id === defaultDomainId) throw forbidden('Cannot delete the default domain.');
  const projectIds = await directoryWrite(world, async (tx) => {
    const held = await projectGet(tx, id);
    if (held?.isDomain !== true) throw missing('domain', id);
    immutableDeleteCheck('domain', held);
    if (held.isEnabled) {
      throw forbidden('Cannot delete a domain that is enabled, please disable it first.');
    }
    const projects = await projectListSubtree(tx, held);
    for (const project of projects.toReversed()) await projectRemove(tx, project.id);
    await domainContentsRemove(tx, id);
    await projectRemove(tx, id);
    await revocationInsert(tx, world, { kind: 'domain', subject: id });
    return projects.map((project) => project.id);
  });
  for (const listener of world.memory.projectListeners) projectIds.forEach(listener);
}
