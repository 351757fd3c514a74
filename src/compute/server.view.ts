import { createHash } from 'node:crypto';
import type { Context } from '../kernel/context.ts';
import { isoSeconds } from '../kernel/clock.ts';
import { flatText } from '../kernel/flat-text.ts';
import type { PortShown } from '../network/port.ts';
import type { ComputeWorld } from './compute.world.ts';
import {
  flavorParse,
  instanceName,
  metadataParse,
  rootDevice,
  serverStatus,
  tagsParse,
  type ShownServer,
} from './server.model.ts';
import type { ServerFault } from './server.store.ts';

/** What is shown of a server besides its own row. */
export interface ServerSeen {
  readonly server: ShownServer;
  readonly ports: readonly PortShown[];
  readonly fault: ServerFault | null;
  /** Zone of the host it is on; null while it is on none. */
  readonly zone: string | null;
}

export type HostStatus = 'UP' | 'DOWN' | 'UNKNOWN' | 'MAINTENANCE' | '';

/** What is the same for all servers of one answer: versions and rights are asked once. */
export interface ViewFrame {
  readonly since: Readonly<Record<string, boolean>>;
  readonly baseUrl: string;
  readonly isAdmin: boolean;
  readonly showsExtraSpecs: boolean;
  readonly showsAttributes: boolean;
  /** Null: may not be shown. */
  readonly hostStatus: ((host: string | null) => HostStatus) | null;
  /** PUT and rebuild answer with less before 2.75. */
  readonly isWhole: boolean;
  readonly showsKey: boolean;
  readonly showsUserData: boolean;
  readonly showsGroups: boolean;
  readonly hostIds: Map<string, string>;
  /** Servers of one list share a few images and flavors: what is shown of each is made once. */
  readonly images: Map<string, unknown>;
  readonly flavors: Map<string, unknown>;
}

const steps = [
  ...['2.3', '2.9', '2.16', '2.19', '2.26', '2.47', '2.54', '2.57', '2.63', '2.71', '2.73'],
  ...['2.75', '2.90', '2.96'],
];

export function viewFrame(
  context: Context<ComputeWorld>,
  target: Record<string, string>,
  hostStatus: (host: string | null) => HostStatus,
): ViewFrame {
  const since = Object.fromEntries(steps.map((step) => [step, context.since(step)]));
  const rule = (name: string): boolean => context.allows(name, target);
  return {
    since,
    baseUrl: context.baseUrl,
    isAdmin: rule('context_is_admin'),
    showsExtraSpecs: rule('os_compute_api:servers:show:flavor-extra-specs'),
    showsAttributes: rule('os_compute_api:os-extended-server-attributes'),
    hostStatus: rule('os_compute_api:servers:show:host_status') ? hostStatus : null,
    isWhole: true,
    showsKey: true,
    showsUserData: true,
    showsGroups: false,
    hostIds: new Map(),
    images: new Map(),
    flavors: new Map(),
  };
}

export const linksOf = (baseUrl: string, id: string) => [
  { rel: 'self', href: flatText(baseUrl, '/v2.1/servers/', id) },
  { rel: 'bookmark', href: flatText(baseUrl, '/servers/', id) },
];

export const serverBrief = ({ baseUrl }: Pick<ViewFrame, 'baseUrl'>, server: ShownServer) => ({
  id: server.id,
  name: server.name,
  links: linksOf(baseUrl, server.id),
});

/** Written for lists of a thousand: one object, grown in place. */
export function serverView(frame: ViewFrame, seen: ServerSeen): Record<string, unknown> {
  const { server } = seen;
  const { since } = frame;
  const status = serverStatus(server);
  const view: Record<string, unknown> = {
    id: server.id,
    name: server.name,
    status,
    tenant_id: server.project_id,
    user_id: server.user_id,
    metadata: metadataParse(server.metadata),
    hostId: hostIdOf(frame, server),
    image: imageView(frame, server),
    flavor: flavorView(frame, server),
    created: secondsText(server.created_at),
    updated: secondsText(server.updated_at),
    addresses: server.vm_state === 'building' ? {} : addressesView(seen.ports, frame.isWhole),
    accessIPv4: server.access_ip_v4 ?? '',
    accessIPv6: server.access_ip_v6 ?? '',
    links: linksOf(frame.baseUrl, server.id),
    'OS-DCF:diskConfig': server.disk_config,
  };
  if (progressStatuses.has(status)) view['progress'] = server.progress;
  if (seen.fault !== null && faultStatuses.has(status))
    view['fault'] = faultView(frame, seen.fault);
  if (frame.showsKey) view['key_name'] = server.key_name;
  if (frame.isWhole) wholeAdd(view, frame, seen);
  if (since['2.9']) view['locked'] = server.locked_by !== null;
  if (since['2.73']) view['locked_reason'] = server.locked_reason;
  if (since['2.19']) view['description'] = server.description;
  if (since['2.26']) view['tags'] = tagsParse(server.tags);
  if (since['2.63']) view['trusted_image_certificates'] = null;
  if (since['2.90']) view['OS-EXT-SRV-ATTR:hostname'] = server.hostname;
  if (frame.showsGroups) view['server_groups'] = server.group_id === null ? [] : [server.group_id];
  if (since['2.96']) view['pinned_availability_zone'] = server.zone_wanted;
  return view;
}

const progressStatuses = new Set([
  ...['ACTIVE', 'BUILD', 'REBUILD', 'RESIZE', 'VERIFY_RESIZE', 'MIGRATING'],
]);
const faultStatuses = new Set(['ERROR', 'DELETED']);

/** Servers of one list share seconds, and turning a time into text is dear. */
const secondTexts = new Map<number, string>();
function secondsText(ms: number): string {
  const second = Math.floor(ms / 1000);
  let text = secondTexts.get(second);
  if (text === undefined) {
    if (secondTexts.size >= 10_000) secondTexts.clear();
    text = isoSeconds(ms);
    secondTexts.set(second, text);
  }
  return text;
}

function wholeAdd(
  view: Record<string, unknown>,
  frame: ViewFrame,
  { server, ports, zone }: ServerSeen,
): void {
  view['OS-EXT-AZ:availability_zone'] = zone ?? server.zone_wanted ?? '';
  view['config_drive'] = server.config_drive === 1 ? 'True' : '';
  view['OS-SRV-USG:launched_at'] = usageTime(server.launched_at);
  view['OS-SRV-USG:terminated_at'] = usageTime(server.terminated_at);
  const groups = groupNames(ports);
  if (groups.length > 0) view['security_groups'] = groups.map((name) => ({ name }));
  if (frame.showsAttributes) attributesAdd(view, frame, server);
  view['OS-EXT-STS:task_state'] = server.task_state;
  view['OS-EXT-STS:vm_state'] = server.vm_state;
  view['OS-EXT-STS:power_state'] = server.power_state;
  view['os-extended-volumes:volumes_attached'] = [];
  if (frame.since['2.16'] && frame.hostStatus !== null) {
    view['host_status'] = frame.hostStatus(server.host);
  }
}

function groupNames(ports: readonly PortShown[]): string[] {
  const names: string[] = [];
  for (const { securityGroups } of ports) {
    for (const { name } of securityGroups) if (!names.includes(name)) names.push(name);
  }
  return names;
}

function attributesAdd(
  view: Record<string, unknown>,
  { since, showsUserData }: ViewFrame,
  server: ShownServer,
): void {
  view['OS-EXT-SRV-ATTR:host'] = server.host;
  view['OS-EXT-SRV-ATTR:instance_name'] = instanceName(server.id);
  view['OS-EXT-SRV-ATTR:hypervisor_hostname'] = server.host;
  if (!since['2.3']) return;
  view['OS-EXT-SRV-ATTR:reservation_id'] = server.reservation_id;
  view['OS-EXT-SRV-ATTR:launch_index'] = server.launch_index;
  view['OS-EXT-SRV-ATTR:hostname'] = server.hostname;
  view['OS-EXT-SRV-ATTR:kernel_id'] = '';
  view['OS-EXT-SRV-ATTR:ramdisk_id'] = '';
  view['OS-EXT-SRV-ATTR:root_device_name'] = rootDevice;
  if (showsUserData) view['OS-EXT-SRV-ATTR:user_data'] = server.user_data;
}

/** Nova's form for these two alone: microseconds, no zone. */
const usageTime = (ms: number | null): string | null =>
  ms === null
    ? null
    : flatText(secondsText(ms).slice(0, 19), '.', String(ms % 1000).padStart(3, '0'), '000');

/** The same for all servers of a project on a host, and says nothing of the host's name. */
function hostIdOf({ hostIds }: ViewFrame, { project_id, host }: ShownServer): string {
  if (host === null) return '';
  const key = project_id + host;
  let id = hostIds.get(key);
  if (id === undefined) {
    id = createHash('sha224').update(key).digest('hex');
    hostIds.set(key, id);
  }
  return id;
}

function imageView({ baseUrl, images }: ViewFrame, { image_id }: ShownServer): unknown {
  if (image_id === null) return '';
  return known(images, image_id, () => ({
    id: image_id,
    links: [{ rel: 'bookmark', href: flatText(baseUrl, '/images/', image_id) }],
  }));
}

function known(made: Map<string, unknown>, key: string, make: () => unknown): unknown {
  const found = made.get(key);
  if (found !== undefined) return found;
  const value = make();
  made.set(key, value);
  return value;
}

const flavorView = (frame: ViewFrame, server: ShownServer): unknown =>
  known(frame.flavors, server.flavor, () => flavorShown(frame, server));

function flavorShown({ since, baseUrl, showsExtraSpecs }: ViewFrame, server: ShownServer) {
  const flavor = flavorParse(server.flavor);
  if (!since['2.47']) {
    const href = flatText(baseUrl, '/flavors/', encodeURIComponent(flavor.id));
    return { id: flavor.id, links: [{ rel: 'bookmark', href }] };
  }
  return {
    vcpus: flavor.vcpus,
    ram: flavor.ramMib,
    disk: flavor.diskGib,
    ephemeral: flavor.ephemeralGib,
    swap: flavor.swapMib,
    original_name: flavor.name,
    ...(showsExtraSpecs && { extra_specs: flavor.extraSpecs }),
  };
}

interface AddressLine {
  readonly version: 4 | 6;
  readonly addr: string;
  readonly 'OS-EXT-IPS:type'?: 'fixed' | 'floating';
  readonly 'OS-EXT-IPS-MAC:mac_addr'?: string;
}

/** By the name of the network; fixed addresses before floating ones. */
export function addressesView(
  ports: readonly PortShown[],
  isExtended: boolean,
): Record<string, AddressLine[]> {
  // Not an object: a network may be called `constructor`.
  const lines = new Map<string, AddressLine[]>();
  const of = (name: string): AddressLine[] => {
    const known = lines.get(name);
    if (known !== undefined) return known;
    const made: AddressLine[] = [];
    lines.set(name, made);
    return made;
  };
  for (const { networkName, mac, fixedIps } of ports) {
    const list = of(networkName);
    for (const { version, address } of fixedIps) {
      list.push(lineOf(isExtended, { version, address, type: 'fixed', mac }));
    }
  }
  for (const { networkName, mac, floatingIps } of ports) {
    for (const { address } of floatingIps) {
      of(networkName).push(lineOf(isExtended, { version: 4, address, type: 'floating', mac }));
    }
  }
  return Object.fromEntries(lines);
}

const lineOf = (
  isExtended: boolean,
  one: { version: 4 | 6; address: string; type: 'fixed' | 'floating'; mac: string },
): AddressLine =>
  isExtended
    ? {
        version: one.version,
        addr: one.address,
        'OS-EXT-IPS:type': one.type,
        'OS-EXT-IPS-MAC:mac_addr': one.mac,
      }
    : { version: one.version, addr: one.address };

const faultView = (
  { isAdmin }: ViewFrame,
  { code, created_at, message, details }: ServerFault,
) => ({
  code,
  created: isoSeconds(created_at),
  message,
  ...(details !== '' && (isAdmin || code !== 500) && { details }),
});
