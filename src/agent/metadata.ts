/**
 * What a guest learns about itself: the tree that the metadata service of every network serves and that a config
 * drive holds. Layouts: https://docs.openstack.org/nova/zed/user/metadata.html and Amazon's instance metadata of 2009.
 */
import { randomBytes } from 'node:crypto';
import type { GuestFacts, NetworkWanted, PortWanted, ServerWanted, SubnetWanted } from './api.ts';

/** Path without a slash at its end (`/latest/meta-data`, `` for the root) to body; a directory's body is its list. */
export type MetadataTree = ReadonlyMap<string, string | Uint8Array>;

/** OpenStack's versions and what each adds to the one before; a client asks for the newest it knows. */
const openstackVersions: readonly (readonly [version: string, added: readonly string[]])[] = [
  ['2012-08-10', []],
  ['2013-04-04', ['random_seed', 'password']],
  ['2013-10-17', ['vendor_data.json']],
  ['2015-10-15', ['network_data.json', 'project_id']],
  ['2016-06-30', ['devices']],
  ['2016-10-06', ['vendor_data2.json']],
  ['2017-02-22', []],
  ['2018-08-27', []],
  ['2020-10-14', ['dedicated_cpus']],
  ['latest', []],
];

const ec2Versions = [
  '1.0',
  '2007-01-19',
  '2007-03-01',
  '2007-08-29',
  '2007-10-10',
  '2007-12-15',
  '2008-02-01',
  '2008-09-01',
  '2009-04-04',
  'latest',
];

export function metadataRender(
  server: ServerWanted,
  networks: readonly NetworkWanted[],
): MetadataTree {
  const tree = new Map<string, string | Uint8Array>();
  const interfaces = interfacesOf(server, networks);
  const userData = userDataOf(server);
  openstackRender(tree, { server, interfaces, userData, adminPass: null });
  const facts = ec2Facts(server, interfaces);
  for (const version of ec2Versions) {
    ec2Render(tree, `/${version}/meta-data`, facts);
    if (userData !== null) tree.set(`/${version}/user-data`, userData);
    tree.set(`/${version}`, lines(['meta-data/', ...(userData === null ? [] : ['user-data'])]));
  }
  tree.set('', lines(ec2Versions));
  return tree;
}

/** The files of a config drive, by path without a slash at its start. */
export function configDriveFiles(
  server: ServerWanted,
  networks: readonly NetworkWanted[],
): ReadonlyMap<string, Uint8Array> {
  const tree = new Map<string, string | Uint8Array>();
  const interfaces = interfacesOf(server, networks);
  const userData = userDataOf(server);
  openstackRender(tree, { server, interfaces, userData, adminPass: server.guest.adminPass });
  for (const version of ['2009-04-04', 'latest']) {
    tree.set(`/ec2/${version}/meta-data.json`, JSON.stringify(ec2Facts(server, interfaces)));
    if (userData !== null) tree.set(`/ec2/${version}/user-data`, userData);
  }
  const files = [...tree].filter(([path]) => path.split('/').length === 4 && !isPasswordPath(path));
  return new Map(files.map(([path, body]) => [path.slice(1), Buffer.from(body)]));
}

const lines = (names: readonly string[]): string => names.join('\n');

const userDataOf = ({ guest }: ServerWanted): Uint8Array | null =>
  guest.userData === null ? null : Buffer.from(guest.userData, 'base64');

// ---------------------------------------------------------------- interfaces

interface Interface {
  readonly portId: string;
  readonly mac: string;
  readonly mtu: number;
  readonly network: NetworkWanted | null;
  readonly addresses: readonly { readonly address: string; readonly subnet: SubnetWanted }[];
}

function interfacesOf(
  server: ServerWanted,
  networks: readonly NetworkWanted[],
): readonly Interface[] {
  return server.nics.map(({ portId, networkId, mac, mtu }) => {
    const network = networks.find(({ id }) => id === networkId) ?? null;
    const port = network?.ports.find(({ id }) => id === portId);
    return { portId, mac, mtu, network, addresses: addressesOf(port, network) };
  });
}

function addressesOf(
  port: PortWanted | undefined,
  network: NetworkWanted | null,
): Interface['addresses'] {
  return (port?.fixedIps ?? []).flatMap(({ subnetId, address }) => {
    const subnet = network?.subnets.find(({ id }) => id === subnetId);
    return subnet === undefined ? [] : [{ address, subnet }];
  });
}

/** With the domain that DHCP gives, unless the name has one of its own (Nova API 2.90). */
function hostnameOf({ hostname }: GuestFacts, interfaces: readonly Interface[]): string {
  const domain = interfaces[0]?.network?.dnsDomain.replace(/\.$/, '') ?? '';
  return domain === '' || hostname.includes('.') ? hostname : `${hostname}.${domain}`;
}

// ---------------------------------------------------------------- OpenStack

/** What is there is no part of the tree: the guest leaves it and its owner clears it. */
export const isPasswordPath = (path: string): boolean =>
  /^\/openstack\/[^/]+\/password$/.test(path);

interface Guest {
  readonly server: ServerWanted;
  readonly interfaces: readonly Interface[];
  readonly userData: Uint8Array | null;
  /** Only on the config drive: whatever runs in a guest may ask the service. */
  readonly adminPass: string | null;
}

function openstackRender(tree: Map<string, string | Uint8Array>, guest: Guest): void {
  const metaData: Record<string, unknown> = metaDataOf(guest);
  const later = metaDataAdditions(guest);
  const files: Record<string, string | Uint8Array> = {};
  if (guest.userData !== null) files['user_data'] = guest.userData;
  for (const [version, added] of openstackVersions) {
    for (const name of added) {
      if (name === 'network_data.json')
        files[name] = JSON.stringify(networkDataOf(guest.interfaces));
      else if (name.endsWith('.json')) files[name] = '{}';
      else if (name === 'password') files[name] = '';
      else metaData[name] = later[name];
    }
    files['meta_data.json'] = JSON.stringify(metaData);
    for (const [name, body] of Object.entries(files)) {
      tree.set(`/openstack/${version}/${name}`, body);
    }
    tree.set(`/openstack/${version}`, lines(Object.keys(files).toSorted()));
  }
  tree.set('/openstack', lines(openstackVersions.map(([version]) => version)));
}

function metaDataOf({ server, interfaces, adminPass }: Guest): Record<string, unknown> {
  const { guest } = server;
  const sshKeys = guest.keys.filter(({ type }) => type === 'ssh');
  return {
    uuid: server.id,
    name: guest.name,
    hostname: hostnameOf(guest, interfaces),
    launch_index: guest.launchIndex,
    availability_zone: guest.availabilityZone,
    ...(Object.keys(guest.metadata).length > 0 && { meta: guest.metadata }),
    ...(sshKeys.length > 0 && {
      public_keys: Object.fromEntries(sshKeys.map(({ name, data }) => [name, data])),
    }),
    ...(guest.keys.length > 0 && { keys: guest.keys }),
    ...(adminPass !== null && { admin_pass: adminPass }),
  };
}

const metaDataAdditions = ({ server, interfaces }: Guest): Readonly<Record<string, unknown>> => ({
  // Nova: 512 bytes for the guest's pool of entropy, others at every request.
  random_seed: randomBytes(512).toString('base64'),
  project_id: server.guest.projectId,
  devices: interfaces.flatMap(({ portId, mac }) => {
    const tagged = server.guest.deviceTags.filter((one) => one.portId === portId);
    const tags = tagged.map(({ tag }) => tag);
    return tags.length === 0 ? [] : [{ type: 'nic', mac, bus: 'pci', address: 'none', tags }];
  }),
  dedicated_cpus: [],
});

interface NetworkRoute {
  readonly network: string;
  readonly netmask: string;
  readonly gateway: string;
}

function networkDataOf(
  interfaces: readonly Interface[],
): Record<'links' | 'networks' | 'services', unknown[]> {
  const dnsServers = new Set<string>();
  const networks: unknown[] = [];
  for (const { portId, network, addresses } of interfaces) {
    for (const { address, subnet } of addresses) {
      for (const server of subnet.dnsServers) dnsServers.add(server);
      networks.push({
        id: `network${networks.length}`,
        link: linkOf(portId),
        network_id: network?.id,
        ...networkAddress(address, subnet),
      });
    }
  }
  return {
    links: interfaces.map(({ portId, mac, mtu }) => ({
      id: linkOf(portId),
      vif_id: portId,
      type: 'bridge',
      mtu,
      ethernet_mac_address: mac,
    })),
    networks,
    services: [...dnsServers].map(dnsService),
  };
}

const linkOf = (portId: string): string => `tap${portId.slice(0, 11)}`;
const dnsService = (address: string): unknown => ({ type: 'dns', address });

function networkAddress(address: string, subnet: SubnetWanted): Record<string, unknown> {
  const { version, addressMode } = subnet;
  if (version === 4 && subnet.dhcp) return { type: 'ipv4_dhcp' };
  const routes: NetworkRoute[] = subnet.hostRoutes.map(({ destination, nexthop }) =>
    routeOf(destination, nexthop),
  );
  if (subnet.gateway !== null) {
    routes.unshift(routeOf(version === 4 ? '0.0.0.0/0' : '::/0', subnet.gateway));
  }
  return {
    type: `ipv${version}${addressMode === null ? '' : `_${addressMode}`}`,
    ip_address: address,
    netmask: netmaskOf(subnet.cidr),
    routes,
    services: subnet.dnsServers.map(dnsService),
  };
}

const routeOf = (destination: string, gateway: string): NetworkRoute => ({
  network: destination.split('/')[0] ?? destination,
  netmask: netmaskOf(destination),
  gateway,
});

/** `255.255.255.0`, `ffff:ffff:ffff:ffff::` */
function netmaskOf(cidr: string): string {
  const isV6 = cidr.includes(':');
  const width = isV6 ? 16 : 8;
  let left = Number(cidr.split('/')[1]);
  const parts = Array.from({ length: isV6 ? 8 : 4 }, () => {
    const ones = Math.max(0, Math.min(width, left));
    left -= width;
    return 2 ** width - 2 ** (width - ones);
  });
  if (!isV6) return parts.join('.');
  const words = parts.map((part) => part.toString(16)).join(':');
  return words.replace(/(:0)+$/, '::').replace(/^0::$/, '::');
}

// ---------------------------------------------------------------- EC2

/** Amazon's ids are a prefix and 17 hex digits: here the random end of the resource's own id. */
export const ec2IdOf = (prefix: 'i' | 'ami' | 'vol', id: string): string =>
  `${prefix}-${id.replaceAll('-', '').slice(-17)}`;

type Ec2Facts = { readonly [name: string]: string | Ec2Facts };

function ec2Facts({ id, guest }: ServerWanted, interfaces: readonly Interface[]): Ec2Facts {
  const hostname = hostnameOf(guest, interfaces);
  const fixed = interfaces.flatMap(({ addresses }) => addresses);
  const localIpv4 = fixed.find(({ subnet }) => subnet.version === 4)?.address ?? '';
  const floating = new Map(guest.floatingIps.map((one) => [one.fixedAddress, one.address]));
  const publicIpv4 = fixed
    .map(({ address }) => floating.get(address))
    .find((one) => one !== undefined);
  const sshKeys = guest.keys.filter(({ type }) => type === 'ssh');
  return {
    'ami-id': guest.imageId === null ? '' : ec2IdOf('ami', guest.imageId),
    'ami-launch-index': String(guest.launchIndex),
    // The word that Nova answers; euca2ools and cloud-init only want the key to be there.
    'ami-manifest-path': 'FIXME',
    'block-device-mapping': { ami: 'vda', root: '/dev/vda' },
    hostname,
    'instance-action': 'none',
    'instance-id': ec2IdOf('i', id),
    'instance-type': guest.flavorName,
    'local-hostname': hostname,
    'local-ipv4': localIpv4,
    placement: { 'availability-zone': guest.availabilityZone },
    'public-hostname': hostname,
    'public-ipv4': publicIpv4 ?? '',
    ...(sshKeys.length > 0 && {
      'public-keys': Object.fromEntries(
        sshKeys.map(({ name, data }, index) => [`${index}=${name}`, { 'openssh-key': data }]),
      ),
    }),
    'reservation-id': guest.reservationId,
    'security-groups': lines(guest.securityGroupNames),
  };
}

function ec2Render(tree: Map<string, string | Uint8Array>, path: string, facts: Ec2Facts): void {
  // Keys are listed as `0=name` and found as `0`.
  const isKeyList = path.endsWith('/public-keys');
  const names = Object.entries(facts).map(([name, value]) =>
    typeof value === 'string' || isKeyList ? name : `${name}/`,
  );
  tree.set(path, lines(names));
  for (const [name, value] of Object.entries(facts)) {
    const child = `${path}/${isKeyList ? name.split('=')[0] : name}`;
    if (typeof value === 'string') tree.set(child, value);
    else ec2Render(tree, child, value);
  }
}
