/**
 * The contract between control and the agent of one host, version 1: the only file that both share.
 *
 * The agent is level-triggered. Control says what a server, network, router or external network shall be
 * (a whole document, `PUT`, idempotent); the agent makes it so, keeps it so, and reports what is. A document is
 * written to disk before it is acknowledged, so a killed agent carries on where it was. Control never sends a
 * delta, and the agent never decides anything that outlives a document.
 *
 * Wire: HTTP/1.1, JSON, over a unix socket on one machine and mutual TLS between machines; paths are in
 * `agentPaths`. Addresses are text (`10.0.0.5`, `fd00::5`), MACs lower case with colons, sizes in the unit named.
 */

export const agentPaths = {
  host: '/v1/host',
  watch: '/v1/watch',
  externals: '/v1/externals',
  networks: '/v1/networks',
  routers: '/v1/routers',
  images: '/v1/images',
  servers: '/v1/servers',
  snapshots: '/v1/snapshots',
} as const;

// ---------------------------------------------------------------- the host

export interface HostFacts {
  readonly hostname: string;
  readonly vcpus: number;
  readonly memoryMib: number;
  /** Size of the file system that holds the disks of servers. */
  readonly diskGib: number;
  readonly diskFreeGib: number;
  /** What a probe guest proved to work, not what `/dev/kvm` promises. */
  readonly accel: 'kvm' | 'tcg';
  readonly cpuModel: string;
  readonly cpuArch: string;
  readonly qemuVersion: string;
  readonly kernel: string;
  /** Changes with every boot of the machine. */
  readonly bootId: string;
  readonly uptimeSec: number;
  readonly loadAverage: readonly [number, number, number];
}

// ---------------------------------------------------------------- networks

/** An external (provider) network: a bridge in the host's own namespace. */
export interface ExternalWanted {
  readonly id: string;
  readonly mtu: number;
  /** Addresses of the bridge itself with prefix length, e.g. `172.24.4.1/24`: the way from the host to floating IPs. */
  readonly hostAddresses: readonly string[];
}

export interface NetworkWanted {
  readonly id: string;
  /** Number of the VXLAN segment, unique in the cloud. */
  readonly vni: number;
  readonly mtu: number;
  readonly dnsDomain: string;
  readonly subnets: readonly SubnetWanted[];
  /** Every port of the network on any host: DHCP, DNS and forwarding entries need them all. */
  readonly ports: readonly PortWanted[];
  /** Every group that a port of this network uses, and every group those name as remote. */
  readonly securityGroups: readonly SecurityGroupWanted[];
  /** Tunnel endpoints; null while this host is the only one that has the network. */
  readonly fabric: Fabric | null;
}

export interface Fabric {
  readonly localVtep: string;
  /** Endpoints of every other host that has a port of the network. */
  readonly peerVteps: readonly string[];
}

export interface SubnetWanted {
  readonly id: string;
  readonly version: 4 | 6;
  readonly cidr: string;
  readonly gateway: string | null;
  readonly dhcp: boolean;
  /** Address of DHCP, DNS and metadata on every host (the API's `network:dhcp` port); null without DHCP. */
  readonly serviceAddress: string | null;
  readonly dnsServers: readonly string[];
  readonly hostRoutes: readonly Route[];
  /** Neutron's `ipv6_ra_mode` and `ipv6_address_mode`; null for IPv4. */
  readonly raMode: 'slaac' | 'dhcpv6-stateless' | 'dhcpv6-stateful' | null;
  readonly addressMode: 'slaac' | 'dhcpv6-stateless' | 'dhcpv6-stateful' | null;
}

export interface Route {
  readonly destination: string;
  readonly nexthop: string;
}

export interface PortWanted {
  readonly id: string;
  readonly mac: string;
  readonly fixedIps: readonly { readonly subnetId: string; readonly address: string }[];
  /** Name in DNS and in DHCP's option 12. */
  readonly hostname: string;
  /** `local`: a tap or router interface of this host; a vtep address: on another host; null: bound nowhere. */
  readonly location: 'local' | { readonly vtep: string } | null;
  /** `server` ports are guarded; `router` and `service` ports are ours and trusted. */
  readonly kind: 'server' | 'router' | 'service';
  readonly adminUp: boolean;
  /** False: neither anti-spoofing nor security groups. */
  readonly portSecurity: boolean;
  readonly allowedPairs: readonly { readonly address: string; readonly mac: string }[];
  readonly securityGroupIds: readonly string[];
  /** Server that answers to metadata requests from this port. */
  readonly serverId: string | null;
  /** Neutron's `extra_dhcp_opts`. */
  readonly dhcpOptions: readonly {
    readonly name: string;
    readonly value: string;
    readonly version: 4 | 6;
  }[];
}

export interface SecurityGroupWanted {
  readonly id: string;
  readonly stateful: boolean;
  readonly rules: readonly SecurityRule[];
  /** Addresses (or CIDRs of allowed address pairs) of every port in the group, on any network. */
  readonly members: readonly string[];
}

export interface SecurityRule {
  readonly direction: 'ingress' | 'egress';
  readonly version: 4 | 6;
  /** IANA number; null is any. */
  readonly protocol: number | null;
  /** Ports, or ICMP type and code; null is any. */
  readonly portMin: number | null;
  readonly portMax: number | null;
  readonly remote: { readonly cidr: string } | { readonly groupId: string } | null;
}

export interface RouterWanted {
  readonly id: string;
  readonly adminUp: boolean;
  readonly interfaces: readonly RouterInterface[];
  readonly gateway: RouterGateway | null;
  readonly routes: readonly Route[];
  readonly floatingIps: readonly { readonly address: string; readonly fixedAddress: string }[];
}

export interface RouterInterface {
  readonly portId: string;
  readonly networkId: string;
  readonly mac: string;
  /** With prefix length. */
  readonly addresses: readonly string[];
  /** Subnets for which this interface sends router advertisements. */
  readonly advertise: readonly {
    readonly prefix: string;
    readonly mode: 'slaac' | 'dhcpv6-stateless' | 'dhcpv6-stateful';
    readonly dnsServers: readonly string[];
  }[];
  readonly mtu: number;
}

export interface RouterGateway {
  readonly portId: string;
  readonly externalId: string;
  readonly mac: string;
  /** With prefix length. */
  readonly addresses: readonly string[];
  readonly nexthops: readonly string[];
  readonly snat: boolean;
}

// ---------------------------------------------------------------- servers

export interface ServerWanted {
  readonly id: string;
  /** Raised by control with every change; the agent refuses an older one (409), which fences late writers. */
  readonly generation: number;
  readonly vcpus: number;
  readonly ramMib: number;
  /** Boot order is the order of the list. */
  readonly disks: readonly DiskWanted[];
  readonly nics: readonly NicWanted[];
  readonly configDrive: boolean;
  readonly run: RunWanted;
  readonly guest: GuestFacts;
}

/**
 * `running` means: the process of this incarnation was started and is let run. When that process ends by itself
 * (the guest switched off, QEMU died) the agent reports `ended` and does not start it again; control raises the
 * incarnation to have it started. A boot of the machine is no end: such a server is started again.
 * A raised incarnation while an older process runs is a reboot.
 */
export interface RunWanted {
  readonly state: 'running' | 'paused' | 'suspended' | 'stopped';
  readonly incarnation: number;
  /** Before a stop or reboot: how long the guest gets after the power button until it is killed; 0 kills at once. */
  readonly graceMs: number;
}

export interface DiskWanted {
  /** Unique in the server: `root`, `ephemeral0`, `swap`. */
  readonly id: string;
  readonly source:
    | { readonly kind: 'image'; readonly imageId: string }
    | { readonly kind: 'blank'; readonly fs: 'none' | 'ext4' | 'swap'; readonly label: string };
  readonly sizeMib: number;
  /** Raised to have the disk made anew from its source (rebuild). */
  readonly revision: number;
}

export interface NicWanted {
  readonly portId: string;
  readonly networkId: string;
  readonly mac: string;
  readonly mtu: number;
}

/** What the metadata service and the config drive tell the guest. */
export interface GuestFacts {
  readonly name: string;
  readonly hostname: string;
  readonly projectId: string;
  readonly userId: string;
  readonly availabilityZone: string;
  readonly launchIndex: number;
  readonly reservationId: string;
  readonly flavorName: string;
  readonly imageId: string | null;
  readonly securityGroupNames: readonly string[];
  readonly keys: readonly {
    readonly name: string;
    readonly type: 'ssh' | 'x509';
    readonly data: string;
  }[];
  readonly metadata: Readonly<Record<string, string>>;
  /** Base64, as the client gave it. */
  readonly userData: string | null;
  readonly adminPass: string | null;
  /** Floating addresses by fixed address: EC2's `public-ipv4`. */
  readonly floatingIps: readonly { readonly fixedAddress: string; readonly address: string }[];
  readonly deviceTags: readonly { readonly portId: string; readonly tag: string }[];
}

export interface ServerActual {
  readonly id: string;
  /** Newest generation that was fully carried out, or whose carrying out failed with `error`. */
  readonly generation: number;
  readonly power: 'running' | 'paused' | 'suspended' | 'stopped';
  /** Incarnation of the newest process started; 0 before the first. */
  readonly incarnation: number;
  /** Set when the newest process ended without being told to. */
  readonly ended: { readonly reason: 'guest-shutdown' | 'crashed'; readonly at: number } | null;
  readonly error: AgentError | null;
}

export interface AgentError {
  readonly code: 'no_space' | 'no_image' | 'no_network' | 'bad_image' | 'qemu' | 'internal';
  /** For the operator and the fault of the server; no secret. */
  readonly message: string;
}

export interface ServerDiagnostics {
  readonly state: ServerActual['power'];
  readonly uptimeSec: number;
  readonly cpus: readonly { readonly id: number; readonly timeNs: number }[];
  readonly memory: { readonly maximumMib: number; readonly usedMib: number };
  readonly disks: readonly {
    readonly id: string;
    readonly readBytes: number;
    readonly readRequests: number;
    readonly writeBytes: number;
    readonly writeRequests: number;
    readonly errors: number;
  }[];
  readonly nics: readonly {
    readonly mac: string;
    readonly rxBytes: number;
    readonly rxPackets: number;
    readonly rxErrors: number;
    readonly rxDrops: number;
    readonly txBytes: number;
    readonly txPackets: number;
    readonly txErrors: number;
    readonly txDrops: number;
  }[];
}

// ---------------------------------------------------------------- images and snapshots

export interface ImageFacts {
  readonly imageId: string;
  readonly format: 'raw' | 'qcow2';
  readonly sizeBytes: number;
  readonly sha512: string;
}

/** What the host has of an image, and what became of it there. */
export interface ImageCopy extends ImageFacts {
  readonly copiedAt: number;
  readonly readAt: number;
  /** Disks that are built on it, or shall be. */
  readonly diskCount: number;
}

export interface SnapshotWanted {
  readonly serverId: string;
  readonly diskId: string;
}

export interface SnapshotActual {
  readonly id: string;
  readonly state: 'running' | 'done' | 'failed';
  /** Size of the flat, compressed qcow2 file. */
  readonly sizeBytes: number;
  readonly virtualSizeBytes: number;
  readonly error: AgentError | null;
}

// ---------------------------------------------------------------- reports

/**
 * `GET /v1/watch`: newline-delimited JSON, endless. First everything that is, then `synced`, then every change.
 * Documents of networks, routers and externals are reported by the digest under which control sent them, once they
 * are in force: control sends again whatever differs.
 */
export type Report =
  | { readonly kind: 'server'; readonly server: ServerActual }
  | { readonly kind: 'server-gone'; readonly id: string }
  | {
      readonly kind: 'document';
      readonly of: 'network' | 'router' | 'external';
      readonly id: string;
      /** Null: gone. */
      readonly digest: string | null;
      readonly error: AgentError | null;
    }
  | { readonly kind: 'snapshot'; readonly snapshot: SnapshotActual }
  | { readonly kind: 'synced' };

/** What control calls. Implemented by the HTTP client and by the simulated agent; every method can be repeated. */
export interface AgentClient {
  hostGet(): Promise<HostFacts>;
  /** Ends (or throws) when the connection is lost; the caller opens the next one. */
  watch(signal: AbortSignal): AsyncIterable<Report>;

  /** Resolves when the document is in force in the data plane. `digest` names this version of the document. */
  externalPut(wanted: ExternalWanted, digest: string): Promise<void>;
  externalDelete(id: string): Promise<void>;
  networkPut(wanted: NetworkWanted, digest: string): Promise<void>;
  networkDelete(id: string): Promise<void>;
  routerPut(wanted: RouterWanted, digest: string): Promise<void>;
  routerDelete(id: string): Promise<void>;

  imageList(): Promise<readonly ImageCopy[]>;
  /** Null when the host does not have the image. */
  imageGet(imageId: string): Promise<ImageFacts | null>;
  /** Streams the image into the cache of the host, which verifies `sha512` before it accepts it. */
  imagePut(facts: ImageFacts, bytes: AsyncIterable<Uint8Array>): Promise<void>;
  /** Refused (false) while a disk is built on it, or shall be. */
  imageDelete(imageId: string): Promise<boolean>;

  /** Acknowledges a durable document; progress comes as reports. */
  serverPut(wanted: ServerWanted): Promise<ServerActual>;
  serverGet(id: string): Promise<ServerActual | null>;
  /** Ends the process and removes disks, taps and files; resolves when nothing is left. */
  serverDelete(id: string): Promise<void>;
  /** The last `lines` lines of the console log (null: all that is kept). */
  serverConsole(id: string, lines: number | null): Promise<string>;
  serverDiagnostics(id: string): Promise<ServerDiagnostics>;
  /** Through the guest agent; throws `conflict` when the guest has none. */
  serverPasswordSet(id: string, username: string, password: string): Promise<void>;
  /** What the guest left at its metadata service, encrypted for its owner; empty: nothing. */
  serverPasswordRead(id: string): Promise<string>;
  serverPasswordClear(id: string): Promise<void>;

  /** Starts copying a disk of a running, paused, suspended or stopped server as it is at this moment. */
  snapshotPut(id: string, wanted: SnapshotWanted): Promise<SnapshotActual>;
  snapshotGet(id: string): Promise<SnapshotActual | null>;
  snapshotRead(id: string): AsyncIterable<Uint8Array>;
  snapshotDelete(id: string): Promise<void>;
}
