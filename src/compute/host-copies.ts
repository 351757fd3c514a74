import type { Host } from '../cluster/port.ts';
import { causesOf } from '../kernel/errors.ts';
import { taskCancel } from '../kernel/task.ts';
import type { HostCopies, HostCopy } from '../image/port.ts';
import type { ComputeWorld } from './compute.world.ts';
import {
  imageCachePending,
  imageCacheQueue,
  imageCacheSubject,
  imageCopyRemove,
} from './image-cache.ts';
import type { Parts } from './woken-reconciler.ts';

/** What the image service asks of the hosts. Compute stands on images: its world is there when they are asked. */
export const hostCopies = (
  worldOf: () => ComputeWorld,
  { clock, ids, log }: Parts,
): HostCopies => ({
  async list() {
    const { answers, failures } = await hostsAsked(worldOf(), ({ agent }) => agent.imageList());
    if (answers.length === 0 && failures.length > 0) throw failures[0];
    for (const failure of failures)
      log.warning('a host did not say which images it has', { causes: causesOf(failure) });
    const copies = Map.groupBy(answers.flat(), ({ imageId }) => imageId);
    return [...copies.values()].map(together).toSorted((a, b) => (a.imageId < b.imageId ? -1 : 1));
  },

  async queued() {
    const pending = await worldOf().cell.read(imageCachePending);
    return [...new Set(pending.map((one) => one.imageId))];
  },

  async queue(imageId, requestId) {
    const world = worldOf();
    const wanted = world.hosts.list().map(({ name: host }) => ({ host, imageId }));
    await imageCacheQueue(world, wanted, { ids, requestId, now: clock.now() });
  },

  async unqueue(imageId) {
    const world = worldOf();
    const subjects = await world.cell.write(async (tx) => {
      const pending = await imageCachePending(tx);
      const unwanted = pending.filter((one) => imageId === null || one.imageId === imageId);
      const all = unwanted.map(imageCacheSubject);
      for (const subject of all) await taskCancel(tx, subject, clock.now());
      return all;
    });
    for (const subject of subjects) world.tasks.cancelled(subject);
  },

  async remove(imageId) {
    const world = worldOf();
    const { answers, failures } = await hostsAsked(world, (host) =>
      hostClear(world, host, imageId),
    );
    if (failures.length > 0) throw failures[0];
    return [...new Set(answers.flat())];
  },
});

/** Ids of the images that stay. */
async function hostClear(
  world: ComputeWorld,
  host: Host,
  imageId: string | null,
): Promise<readonly string[]> {
  const stay: string[] = [];
  for (const copy of await host.agent.imageList()) {
    if (imageId !== null && copy.imageId !== imageId) continue;
    if (!(await imageCopyRemove(world, host, copy.imageId))) stay.push(copy.imageId);
  }
  return stay;
}

async function hostsAsked<T>(
  { hosts }: ComputeWorld,
  ask: (host: Host) => Promise<T>,
): Promise<{ readonly answers: T[]; readonly failures: unknown[] }> {
  const results = await Promise.allSettled(hosts.list().map(ask));
  return {
    answers: results.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : [])),
    failures: results.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : [])),
  };
}

const together = (copies: readonly HostCopy[]): HostCopy => ({
  imageId: copies[0]?.imageId ?? '',
  sizeBytes: copies[0]?.sizeBytes ?? 0,
  copiedAt: Math.max(...copies.map(({ copiedAt }) => copiedAt)),
  readAt: Math.max(...copies.map(({ readAt }) => readAt)),
  diskCount: copies.reduce((sum, { diskCount }) => sum + diskCount, 0),
});
