/**
 * Names of everything this cloud makes on the host. Each carries the cloud's own four characters, so that several
 * clouds share a machine and each finds (and removes) only what is its own. Ids are UUIDv7: their start is a clock,
 * so a name takes the end. Interface names have at most 15 characters.
 */
const tail = (id: string, length: number): string => id.replaceAll('-', '').slice(-length);

export interface Names {
  /** Start of the name of every namespace of this cloud. */
  readonly namespacePrefix: string;
  networkNamespace(networkId: string): string;
  routerNamespace(routerId: string): string;
  /** Start of the name of every tap of this cloud. */
  readonly tapPrefix: string;
  tap(portId: string): string;
  /** Start of the name of every bridge of an external network. */
  readonly externalPrefix: string;
  externalBridge(externalId: string): string;
  /** Start of the name of the outer end of every router's gateway, in the host's namespace. */
  readonly gatewayPrefix: string;
  gatewayOuter(portId: string): string;
  /**
   * An interface of the host's namespace that carries nothing. It has the number of every tenant network's bridge: Node
   * writes a link-local peer with the name of its interface, and looks that up where the agent lives.
   */
  readonly scopeLink: string;
  readonly bridgeIndex: number;
  /** Files of programs that outlive the agent, but not the boot. */
  readonly runDirectory: string;
}

export function namesOf(cloud: string): Names {
  if (!/^[0-9a-z]{4}$/.test(cloud)) throw new TypeError('a cloud id is four of 0-9a-z');
  const namespacePrefix = `wk${cloud}-`;
  const tapPrefix = `t${cloud.slice(0, 3)}`;
  const externalPrefix = `wk${cloud}x`;
  const gatewayPrefix = `wk${cloud}g`;
  return {
    namespacePrefix,
    networkNamespace: (id) => `${namespacePrefix}n-${tail(id, 8)}`,
    routerNamespace: (id) => `${namespacePrefix}r-${tail(id, 8)}`,
    tapPrefix,
    tap: (portId) => tapPrefix + tail(portId, 11),
    externalPrefix,
    externalBridge: (id) => externalPrefix + tail(id, 8),
    gatewayPrefix,
    gatewayOuter: (portId) => gatewayPrefix + tail(portId, 8),
    scopeLink: `wk${cloud}s`,
    // Far from the numbers that the kernel gives out.
    bridgeIndex: 2 ** 30 + Number.parseInt(cloud, 36),
    runDirectory: `/run/welkin-${cloud}`,
  };
}

/** The bridge of a tenant network, in its namespace. */
export const networkBridge = 'br0';
/** A router's end in the tenant's namespace, and the other end in the router's. */
export const routerPeer = (portId: string): string => `r${tail(portId, 11)}`;
export const routerInside = (portId: string): string => `i${tail(portId, 11)}`;
/** A router's gateway, in its namespace. */
export const routerGateway = 'gw';
export const fabricLink = (vni: number): string => `vx${vni}`;
