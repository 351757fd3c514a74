import type { Host } from '../cluster/port.ts';
import { Failure } from '../kernel/errors.ts';
import { refusing } from './host-refusal.ts';
import type { ComputeWorld } from './compute.world.ts';

/** Pushes under way in this process, by host and image: fifty creates from one image send it once. */
const pushes = new WeakMap<ComputeWorld, Map<string, Promise<void>>>();

/** Makes sure that the host has the bytes of the image. */
export async function imageEnsure(world: ComputeWorld, host: Host, imageId: string): Promise<void> {
  if ((await host.agent.imageGet(imageId)) !== null) return;
  const under = pushes.get(world) ?? new Map<string, Promise<void>>();
  pushes.set(world, under);
  const key = `${host.name} ${imageId}`;
  let push = under.get(key);
  if (push === undefined) {
    push = imagePush(world, host, imageId).finally(() => under.delete(key));
    under.set(key, push);
  }
  await push;
}

async function imagePush(world: ComputeWorld, { agent }: Host, imageId: string): Promise<void> {
  const image = await world.images.imageGet(imageId);
  const format = image?.diskFormat;
  if (image === null || image.sizeBytes === null || image.sha512 === null) {
    throw new Failure('not_found', `Image ${imageId} could not be found.`);
  }
  if (format !== 'raw' && format !== 'qcow2') {
    throw new Failure('invalid', `Image ${imageId} is unacceptable: its format is ${format}.`);
  }
  const facts = { imageId, format, sizeBytes: image.sizeBytes, sha512: image.sha512 } as const;
  await refusing(agent.imagePut(facts, world.images.imageRead(imageId)));
}
