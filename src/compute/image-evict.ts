import { causesOf } from '../kernel/errors.ts';
import type { ComputeWorld } from './compute.world.ts';
import type { Parts, WokenReconciler } from './woken-reconciler.ts';

/** Copies of images that were deleted leave the hosts on which no disk is built on them any more. */
export const imageEvict = (
  { hosts, images }: ComputeWorld,
  { log }: Pick<Parts, 'log'>,
): WokenReconciler => ({
  name: 'image-evict',
  everyMs: 600_000,
  async run(signal) {
    const gone = new Map<string, boolean>();
    for (const { name, agent } of hosts.list()) {
      if (signal.aborted) return;
      try {
        for (const { imageId } of await agent.imageList()) {
          const isGone = gone.get(imageId) ?? (await images.imageGet(imageId)) === null;
          gone.set(imageId, isGone);
          if (isGone && (await agent.imageDelete(imageId)))
            log.info('a host gave up its copy of a deleted image', { host: name, image: imageId });
        }
      } catch (error) {
        // A host that is down is asked again.
        log.debug('a host did not say which images it has', {
          host: name,
          causes: causesOf(error),
        });
      }
    }
  },
});
