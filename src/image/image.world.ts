import type { Clock } from '../kernel/clock.ts';
import type { Context } from '../kernel/context.ts';
import type { Db } from '../kernel/db.ts';
import type { Ids } from '../kernel/ids.ts';
import type { Log } from '../kernel/log.ts';
import type { Policy } from '../kernel/policy.ts';
import type { ImageTables } from './image.tables.ts';
import type { ImageStore } from './stores/image-store.ts';

export interface ImageWorld {
  /** The `region` database. */
  readonly db: Db<ImageTables>;
  /** The first one takes what is uploaded without naming a store. */
  readonly stores: readonly ImageStore[];
  readonly policy: Policy;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly sizeLimitBytes: number;
}

/** Glance's `image_size_cap`. */
export const sizeLimitDefaultBytes = 1_099_511_627_776;

/** What the domain needs of a request; calls through the port have no more. */
export type ImageContext = Pick<
  Context<ImageWorld>,
  'world' | 'clock' | 'ids' | 'log' | 'actor' | 'allows'
>;
