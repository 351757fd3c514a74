/**
 * What the servers' half of the agent asks of its network half. Implemented by `linux.ts` beside this file; tests of
 * servers that have no interfaces use an empty one.
 */
import type {
  AgentError,
  ExternalWanted,
  NetworkWanted,
  RouterWanted,
  ServerDiagnostics,
  ServerWanted,
} from '../api.ts';
import type { PasswordBox } from '../server/password-box.ts';

export type DocumentKind = 'network' | 'router' | 'external';

/** State of one document: its newest digest that is in force, or the error that keeps it from being so. */
export interface DocumentActual {
  readonly of: DocumentKind;
  readonly id: string;
  /** Null: gone. */
  readonly digest: string | null;
  readonly error: AgentError | null;
}

export type NicCounters = ServerDiagnostics['nics'][number];

export interface MetadataGuest {
  /** Path (`/latest/meta-data/hostname`) to body. */
  readonly tree: ReadonlyMap<string, string | Uint8Array>;
  readonly password: PasswordBox;
}

/** What the metadata service has for a server, which a port belongs to; null: nothing. */
export type MetadataOf = (
  server: ServerWanted,
  networks: readonly NetworkWanted[],
) => MetadataGuest | null;

export interface HostNetwork {
  /** Puts every stored document in force again; resolves when the data plane is as they say. */
  start(): Promise<void>;
  /** Closes sockets and stops timers; namespaces, taps and rules stay for the next process. */
  stop(): Promise<void>;

  externalPut(wanted: ExternalWanted, digest: string): Promise<void>;
  externalDelete(id: string): Promise<void>;
  networkPut(wanted: NetworkWanted, digest: string): Promise<void>;
  networkDelete(id: string): Promise<void>;
  routerPut(wanted: RouterWanted, digest: string): Promise<void>;
  routerDelete(id: string): Promise<void>;
  documents(): readonly DocumentActual[];
  /** Returns the function that ends the subscription. */
  onReport(listener: (document: DocumentActual) => void): () => void;
  network(id: string): NetworkWanted | null;

  /** Makes the tap in the host's namespace, owned by the guests' uid, and answers its name. Idempotent. */
  tapEnsure(portId: string, mtu: number): Promise<string>;
  /**
   * Moves the tap, which QEMU holds open by now, into the tenant's namespace and connects it. Idempotent; throws a
   * `no_network` failure while the network's document is missing.
   */
  tapPlug(portId: string, networkId: string): Promise<void>;
  /** Whether the tap exists or not, and wherever it is. */
  tapRemove(portId: string): Promise<void>;
  /** Ports whose taps exist on this host: what no server owns is an orphan. */
  tapList(): Promise<readonly string[]>;
  nicCounters(portId: string, networkId: string): Promise<NicCounters>;

  /** Removes every namespace, bridge, tap, rule and file of this cloud from the host. */
  purge(): Promise<void>;
}
