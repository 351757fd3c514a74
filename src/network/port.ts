/** What other services may ask of networks. They import this file and no other of this folder. */
import type { Context } from '../kernel/context.ts';
import type { Actor } from '../kernel/policy.ts';

/** One entry of what a server is asked to be connected to. */
export interface NicWish {
  readonly networkId: string | null;
  /** An existing port; the network is then the port's. */
  readonly portId: string | null;
  readonly fixedAddress: string | null;
}

/** `auto` makes a topology where the project has none; `any`: the project's only network, or none at all (before 2.37). */
export type NicsWish = 'auto' | 'none' | 'any' | readonly NicWish[];

/** What a server's network card must know of its port. */
export type PortWire = Pick<ServerPort, 'mac' | 'mtu'>;

/** What a wish was found to mean. To be made true by `portCreate` (new) or `portAttach` (existing). */
export interface NicPlan {
  readonly networkId: string;
  readonly networkName: string;
  readonly portId: string | null;
  readonly fixedAddress: string | null;
}

export interface SecurityGroupRef {
  readonly id: string;
  readonly name: string;
}

/** The server that a port is for, as the cloud itself names it. */
export interface PortServer {
  readonly serverId: string;
  readonly projectId: string;
  /** `compute:<availability zone>` becomes the owner of the device. */
  readonly availabilityZone: string;
  /** Name in DNS and DHCP. */
  readonly hostname: string;
  /** Null: not placed yet. */
  readonly host: string | null;
}

export interface ServerPortNew extends PortServer {
  /** Chosen by the caller and journaled there: creating twice is creating once. */
  readonly id: string;
  readonly networkId: string;
  readonly fixedAddress: string | null;
  /** Empty: the default group of the project. Ignored on networks without port security. */
  readonly securityGroupIds: readonly string[];
}

export interface ServerPort {
  readonly id: string;
  readonly serverId: string;
  readonly networkId: string;
  readonly networkName: string;
  readonly projectId: string;
  readonly mac: string;
  readonly mtu: number;
  readonly status: 'ACTIVE' | 'DOWN';
  readonly host: string | null;
  /** Made for the server, so it goes with it; false: it was there before and stays. */
  readonly isMadeForServer: boolean;
  readonly fixedIps: readonly {
    readonly subnetId: string;
    readonly address: string;
    readonly version: 4 | 6;
  }[];
  readonly floatingIps: readonly { readonly address: string; readonly fixedAddress: string }[];
  readonly securityGroups: readonly SecurityGroupRef[];
}

/** As much of a port as clients are shown of a server. */
export interface PortShown {
  readonly networkName: string;
  readonly mac: string;
  readonly fixedIps: readonly { readonly address: string; readonly version: 4 | 6 }[];
  readonly floatingIps: readonly { readonly address: string }[];
  readonly securityGroups: readonly Pick<SecurityGroupRef, 'name'>[];
}

/**
 * Failures carry the texts that Nova's users read. Functions that take an actor judge by what it may see and do;
 * the others act for the cloud itself, are repeatable, and are meant for the steps of tasks.
 */
export interface NetworkPort {
  /**
   * Before a server is placed: every network is there, visible and has a subnet, every port is free, every address is
   * free and fits, the quota has room for `serverCount` times the new ports. `invalid`, `conflict` or `forbidden`.
   */
  nicsPlan(actor: Actor, wish: NicsWish, serverCount: number): Promise<readonly NicPlan[]>;
  /** Groups of the actor's project, by name or id; `invalid` when unknown, `conflict` when a name is ambiguous. */
  securityGroupsFind(actor: Actor, namesOrIds: readonly string[]): Promise<SecurityGroupRef[]>;

  /** In the name of the server's project and its quota. */
  portCreate(port: ServerPortNew): Promise<PortWire>;
  /** Takes an existing port for the server; `conflict` when another has it, `not_found` when it is gone. */
  portAttach(portId: string, server: PortServer): Promise<PortWire>;
  /** Deletes a port made for the server, lets go of any other. Nothing happens when the server does not have it. */
  portDetach(serverId: string, portId: string): Promise<void>;
  /** Says where all ports of the server are; null: nowhere. */
  serverBind(serverId: string, host: string | null): Promise<void>;
  /** The server's name in DNS and DHCP has changed. */
  serverRename(serverId: string, hostname: string): Promise<void>;
  /** The server is gone: what was made for it goes, the rest is let go of. */
  serverRelease(serverId: string): Promise<void>;

  /** Another address on the port of the server in this network; `invalid` where it has none. */
  fixedIpAdd(serverId: string, networkId: string): Promise<ServerPort>;
  /** `invalid` when the server does not have the address. */
  fixedIpRemove(serverId: string, address: string): Promise<ServerPort>;
  /** On every port of the server that takes groups. Repeatable. */
  securityGroupAdd(serverId: string, groupId: string): Promise<void>;
  /** `not_found` when no port of the server has the group. */
  securityGroupRemove(serverId: string, groupId: string): Promise<void>;
  /** `fixedAddress` null: the first IPv4 address of the server. `not_found`, `invalid`, `conflict` as Nova answers. */
  floatingIpAssociate(
    actor: Actor,
    address: string,
    serverId: string,
    fixedAddress: string | null,
  ): Promise<void>;
  floatingIpDisassociate(actor: Actor, address: string, serverId: string): Promise<void>;

  /**
   * What the network API answers to one of its own calls on groups, floating addresses, networks and ports
   * (`security_groups.list`, `floatingips.create`, ...), in the name of whoever the context speaks for: Nova's
   * proxies before 2.36.
   */
  apiCall(
    context: Context<unknown>,
    endpointId: string,
    input: {
      readonly params?: Readonly<Record<string, string>>;
      readonly query?: Readonly<Record<string, string>>;
      readonly body?: unknown;
    },
  ): Promise<unknown>;

  /** By server, in the order of creation; a server without ports is missing. */
  portsOf(serverIds: readonly string[]): Promise<ReadonlyMap<string, readonly ServerPort[]>>;
  /** As `portsOf`, for lists: half of what it reads. */
  portsShown(serverIds: readonly string[]): Promise<ReadonlyMap<string, readonly PortShown[]>>;
  /** Servers that have an address which contains the text (null: of any project). */
  serversByAddress(
    projectId: string | null,
    text: string,
    version: 4 | 6,
  ): Promise<readonly string[]>;

  /**
   * Puts the documents of these networks to the host's agent; resolves when they are in force there with the ports
   * as they are bound by now. Throws `unavailable` when the host does not answer.
   */
  hostPrepare(host: string, networkIds: readonly string[], signal: AbortSignal): Promise<void>;

  /** Told after ports, addresses or groups of servers were changed by anybody; returns the end of the subscription. */
  onServersChange(listener: (serverIds: readonly string[]) => void): () => void;
}
