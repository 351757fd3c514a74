import type { Context } from '../kernel/context.ts';
import { invalid } from '../kernel/errors.ts';
import { taskInsert, type TaskKind } from '../kernel/task.ts';
import type { ComputeWorld } from './compute.world.ts';
import { imageEnsure } from './image-ensure.ts';
import { hostOf } from './server-apply.ts';

interface ImageCacheInput {
  readonly host: string;
  readonly imageId: string;
}

/** Brings an image to a host before a server needs it there. What fails is tried again by the server that does. */
export const imageCacheTask: TaskKind<ComputeWorld, ImageCacheInput> = {
  kind: 'image-cache',
  steps: [
    {
      name: 'fetch',
      run: ({ world, input, wait }) =>
        wait(imageEnsure(world, hostOf(world, input.host), input.imageId)),
    },
  ],
};

export async function imageCacheFill(
  { world, actor, ids, clock, requestId }: Context<ComputeWorld>,
  hosts: readonly string[],
  imageIds: readonly string[],
): Promise<void> {
  if (new Set(imageIds).size < imageIds.length) throw invalid('Duplicate images in request');
  for (const id of imageIds) await world.images.imageFor(actor, id);
  const now = clock.now();
  await world.cell.write(async (tx) => {
    for (const host of hosts) {
      for (const imageId of imageIds) {
        await taskInsert(tx, {
          id: ids.uuid(),
          kind: imageCacheTask.kind,
          subject: `image ${imageId} on ${host}`,
          input: { host, imageId } satisfies ImageCacheInput,
          requestId,
          now,
        });
      }
    }
  });
  world.tasks.wake();
}
