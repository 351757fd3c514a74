import type { Context } from '../kernel/context.ts';
import { conflict, invalid } from '../kernel/errors.ts';
import type { Ids } from '../kernel/ids.ts';
import { taskInsert, type TaskKind } from '../kernel/task.ts';
import type { CellTables, ComputeWorld } from './compute.world.ts';
import { imageEnsure } from './image-ensure.ts';
import { flag, type Tx } from '../kernel/db.ts';
import type { Host } from '../cluster/port.ts';
import { hostOf } from './server-apply.ts';

export interface ImageCacheInput {
  readonly host: string;
  readonly imageId: string;
}

/** Brings an image to a host before a server needs it there. What fails is tried again by the server that does. */
export const imageCacheTask: TaskKind<ComputeWorld, ImageCacheInput> = {
  kind: 'image-cache',
  steps: [
    {
      name: 'fetch',
      async run({ world, input, wait, signal }) {
        await wait(imageEnsure(world, hostOf(world, input.host), input.imageId));
        if (signal.aborted) throw conflict('The image is no longer wanted there.');
      },
      async undo({ world, input }) {
        const host = world.hosts.get(input.host);
        if (host !== null) await imageCopyRemove(world, host, input.imageId);
      },
    },
  ],
};

export const imageCacheSubject = ({ host, imageId }: ImageCacheInput): string =>
  `image ${imageId} on ${host}`;

export async function imageCacheFill(
  { world, actor, ids, clock, requestId }: Context<ComputeWorld>,
  hosts: readonly string[],
  imageIds: readonly string[],
): Promise<void> {
  if (new Set(imageIds).size < imageIds.length) throw invalid('Duplicate images in request');
  for (const id of imageIds) await world.images.imageFor(actor, id);
  const wanted = hosts.flatMap((host) => imageIds.map((imageId) => ({ host, imageId })));
  await imageCacheQueue(world, wanted, { ids, requestId, now: clock.now() });
}

export async function imageCacheQueue(
  world: ComputeWorld,
  wanted: readonly ImageCacheInput[],
  { ids, requestId, now }: { readonly ids: Ids; readonly requestId: string; readonly now: number },
): Promise<void> {
  await world.cell.write(async (tx) => {
    const pending = new Set((await imageCachePending(tx)).map(imageCacheSubject));
    for (const input of wanted) {
      const subject = imageCacheSubject(input);
      if (pending.has(subject)) continue;
      const { kind } = imageCacheTask;
      await taskInsert(tx, { id: ids.uuid(), kind, subject, input, requestId, now });
    }
  });
  world.tasks.wake();
}

/** In the order in which they were asked for. */
export async function imageCachePending(tx: Tx<CellTables>): Promise<ImageCacheInput[]> {
  const tasks = await tx
    .selectFrom('task')
    .select('input')
    .where('kind', '=', imageCacheTask.kind)
    .where('state', 'in', ['queued', 'running'])
    .where('cancelled', '=', flag(false))
    .orderBy('id')
    .execute();
  return tasks.map(({ input }) => JSON.parse(input) as ImageCacheInput);
}

/** False: a server of this host is built on the copy, or about to be. */
export async function imageCopyRemove(
  world: ComputeWorld,
  { name, agent }: Host,
  imageId: string,
): Promise<boolean> {
  const server = await world.cell.read((tx) =>
    tx
      .selectFrom('server')
      .select('id')
      .where('host', '=', name)
      .where('image_id', '=', imageId)
      .where('deleted', '=', flag(false))
      .limit(1)
      .executeTakeFirst(),
  );
  return server === undefined && agent.imageDelete(imageId);
}
