import type { Log } from '../kernel/log.ts';
import type { Configuration } from './configuration.model.ts';
import type { Layout } from './layout.ts';

/** What the supervisor gives to `control` and `agent`. */
export interface RoleOptions {
  readonly configuration: Configuration;
  readonly layout: Layout;
  readonly log: Log;
  /** Aborted when the role shall end: finish what was acknowledged, then return. */
  readonly signal: AbortSignal;
  /** To be called once the role can serve. */
  readonly ready: () => void;
}

/** Runs until `signal` is aborted; an error that ends it is logged and the supervisor starts it again. */
export type RoleRun = (options: RoleOptions) => Promise<void>;
