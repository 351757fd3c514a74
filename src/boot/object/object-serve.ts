import { once } from 'node:events';
import type { Server } from 'node:http';
import { systemClock as clock } from '../../kernel/clock.ts';
import { hostname } from 'node:os';
import { leaseHold } from '../../kernel/lease.ts';
import { reconcilerLoop, Waker, type Reconciler } from '../../kernel/reconciler.ts';
import type { Front } from '../../object/front.ts';
import { objectServer } from '../../object/http/object-server.ts';
import { objectReconcilers } from '../../object/object.reconcilers.ts';
import type { ObjectWorld } from '../../object/object.world.ts';
import type { Listen } from '../addresses.ts';
import { bytesFollow } from './bytes-file.ts';
import type { OpenStore } from './object-store.ts';
import { memoryReleaseRun } from '../memory-release.ts';

/** How long requests that are under way may take to end when this process shall stop. */
const drainMs = 10_000;

export interface ObjectServe extends Omit<OpenStore, 'close'> {
  readonly fronts: ObjectFronts;
  readonly listen: Listen;
  readonly tls: { readonly cert: string; readonly key: string } | null;
  /** Whether this worker runs the reconcilers; `by lease`: where workers of other machines share the store. */
  readonly leads: boolean | 'by lease';
  readonly signal: AbortSignal;
  readonly ready: () => void;
}

export interface ObjectFronts {
  readonly swift: Front;
  readonly s3: Front;
  /** Each runs in one worker of the store at a time. */
  readonly reconcilers: (world: ObjectWorld) => readonly Reconciler[];
}

/** Serves both APIs until the signal. */
export async function objectServe(options: ObjectServe): Promise<void> {
  const { world, disk, fronts, listen, tls, signal, ready } = options;
  const server = objectServer({ world, swift: fronts.swift, s3: fronts.s3, tls });
  // Every worker has a socket of its own on the port; the kernel spreads connections over them.
  server.listen({ host: listen.host, port: listen.port, backlog: 1024, reusePort: true });
  await once(server, 'listening');
  ready();
  const work = Promise.all([
    reconcilersRun(options),
    disk.worker.beat(signal),
    bytesFollow(options, clock, signal),
    memoryReleaseRun(clock, signal),
  ]);
  if (!signal.aborted) await once(signal, 'abort');
  await drain(server);
  await work;
}

async function reconcilersRun(options: ObjectServe): Promise<void> {
  const { world, disk, blobs, fronts, leads, signal } = options;
  const { log } = world;
  const run = async (stop: AbortSignal): Promise<void> => {
    const parts = { clock, log, stop };
    const all = [...objectReconcilers(world, disk, blobs), ...fronts.reconcilers(world)];
    await Promise.all(all.map((each) => reconcilerLoop(each, new Waker(), parts)));
  };
  if (leads === 'by lease') {
    const holder = `${hostname()}:${process.pid}:${world.ids.hex()}`;
    // One lease for all: they are many and each has little to do.
    const lease = { db: world.root, clock, log, name: 'object-reconcilers', holder };
    await leaseHold(lease, signal, ({ lost }) => run(lost));
  } else if (leads) {
    await run(signal);
  }
}

/** Nothing new, and what is under way is answered. */
async function drain(server: Server): Promise<void> {
  server.close();
  server.closeIdleConnections();
  const late = new AbortController();
  await Promise.race([once(server, 'close'), clock.sleep(drainMs, late.signal)]);
  late.abort();
  server.closeAllConnections();
}
