import type { AgentClient } from '../agent/api.ts';

/** A physical machine of the cloud, as the services see it. */
export interface Host {
  /** The API's `host`, `hypervisor_hostname` and `binding:host_id`. */
  readonly name: string;
  readonly agent: AgentClient;
  /** Address of its tunnel endpoint; null while it is the only host. */
  readonly vtep: string | null;
}

export interface Hosts {
  list(): readonly Host[];
  /** Null: not a member (any more). */
  get(name: string): Host | null;
}
