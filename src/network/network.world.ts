import type { AgentMirror, DocumentOf, DocumentSeen } from '../cluster/agent-mirror.ts';
import type { Host, Hosts } from '../cluster/port.ts';
import type { Clock } from '../kernel/clock.ts';
import { UniqueViolation, type Db, type Tx } from '../kernel/db.ts';
import type { Ids } from '../kernel/ids.ts';
import type { Log } from '../kernel/log.ts';
import { NetworkChanges, Touched } from './network-changes.ts';
import type { NetworkTables } from './network.tables.ts';
import type { QuotaLimits } from './quota.model.ts';

/** What the network service is made of. */
export interface NetworkWorld {
  readonly db: Db<NetworkTables>;
  readonly settings: NetworkSettings;
  readonly hosts: Hosts;
  readonly mirror: AgentMirror;
  readonly changes: NetworkChanges;
  readonly documents: Documents;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
}

/** The way of documents to the agents. */
export interface Documents {
  /** Resolves when the document, as the database has it now or later, is in force on the host. */
  push(world: NetworkWorld, host: Host, of: DocumentOf, id: string): Promise<void>;
  /** Those that the host has, or was sent and has not told of. */
  on(world: NetworkWorld, host: Host): Iterable<{ readonly of: DocumentOf; readonly id: string }>;
  /** What the host says now is not what it was sent last. */
  isOdd(host: string, of: DocumentOf, id: string, seen: DocumentSeen | null): boolean;
  /** The host is no member any more. */
  forget(host: string): void;
}

export interface NetworkSettings {
  /** What a packet of a tenant may measure: the underlay's 1500 less VXLAN's 50. */
  readonly tenantMtu: number;
  readonly externalMtu: number;
  /** Names that flat external networks may give as `provider:physical_network`. */
  readonly physicalNetworks: readonly string[];
  readonly zone: string;
  readonly dnsDomain: string;
  /** Limits of a project for which nothing else was set; -1 is unlimited. */
  readonly quotas: QuotaLimits;
}

export const networkSettingsDefault: NetworkSettings = {
  tenantMtu: 1450,
  externalMtu: 1500,
  physicalNetworks: ['public'],
  zone: 'nova',
  dnsDomain: 'welkin.internal.',
  quotas: {
    network: 100,
    subnet: 100,
    subnetpool: -1,
    port: 500,
    router: 10,
    floatingip: 50,
    security_group: 10,
    security_group_rule: 100,
    rbac_policy: 10,
  },
};

export type NetworkTx = Tx<NetworkTables>;

/** One transaction that changes something: what it may use, and what the data plane must hear of afterwards. */
export interface Work {
  readonly tx: NetworkTx;
  readonly world: NetworkWorld;
  readonly now: number;
  readonly touched: Touched;
}

const attemptLimit = 10;

/**
 * A unique index may be violated although the work looked before (PostgreSQL, two writers): run again, the work sees
 * the other's row and takes another address, or says whose it is.
 */
export async function networkWrite<T>(
  world: NetworkWorld,
  work: (work: Work) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      const { touched, value } = await world.db.write(async (tx) => {
        const fresh = new Touched();
        const result = await work({ tx, world, now: world.clock.now(), touched: fresh });
        return { touched: fresh, value: result };
      });
      world.changes.publish(touched);
      return value;
    } catch (error) {
      if (attempt === attemptLimit || !(error instanceof UniqueViolation)) throw error;
    }
  }
}
