/** Documents for tests: one network with a guest, unless changed. */
import type {
  NetworkWanted,
  PortWanted,
  RouterWanted,
  SecurityGroupWanted,
  SecurityRule,
  SubnetWanted,
} from '../../../src/agent/api.ts';

export const subnet4: SubnetWanted = {
  id: '01930000-0000-7000-8000-000000000004',
  version: 4,
  cidr: '10.0.0.0/24',
  gateway: '10.0.0.1',
  dhcp: true,
  serviceAddress: '10.0.0.2',
  dnsServers: [],
  hostRoutes: [],
  raMode: null,
  addressMode: null,
};

export const subnet6: SubnetWanted = {
  ...subnet4,
  id: '01930000-0000-7000-8000-000000000006',
  version: 6,
  cidr: 'fd00:1::/64',
  gateway: 'fd00:1::1',
  serviceAddress: 'fd00:1::2',
  raMode: 'dhcpv6-stateless',
  addressMode: 'dhcpv6-stateless',
};

export const port: PortWanted = {
  id: '01930000-0000-7000-8000-0000000000a5',
  mac: 'fa:16:3e:00:00:a5',
  fixedIps: [{ subnetId: subnet4.id, address: '10.0.0.5' }],
  hostname: 'alpha',
  location: 'local',
  kind: 'server',
  adminUp: true,
  portSecurity: true,
  allowedPairs: [],
  securityGroupIds: ['01930000-0000-7000-8000-0000000000b1'],
  serverId: null,
  dhcpOptions: [],
};

export const otherPort: PortWanted = {
  ...port,
  id: '01930000-0000-7000-8000-0000000000a6',
  mac: 'fa:16:3e:00:00:a6',
  fixedIps: [{ subnetId: subnet4.id, address: '10.0.0.6' }],
  hostname: 'beta',
};

export const group: SecurityGroupWanted = {
  id: '01930000-0000-7000-8000-0000000000b1',
  stateful: true,
  rules: [],
  members: [],
};

export const rule: SecurityRule = {
  direction: 'ingress',
  version: 4,
  protocol: null,
  portMin: null,
  portMax: null,
  remote: null,
};

export const network: NetworkWanted = {
  id: '01930000-0000-7000-8000-0000000000c1',
  vni: 7,
  mtu: 1450,
  dnsDomain: 'cloud.test.',
  subnets: [subnet4],
  ports: [port],
  securityGroups: [group],
  fabric: null,
};

export const router: RouterWanted = {
  id: '01930000-0000-7000-8000-0000000000d1',
  adminUp: true,
  interfaces: [
    {
      portId: '01930000-0000-7000-8000-0000000000e1',
      networkId: network.id,
      mac: 'fa:16:3e:00:00:e1',
      addresses: ['10.0.0.1/24'],
      advertise: [],
      mtu: 1450,
    },
  ],
  gateway: {
    portId: '01930000-0000-7000-8000-0000000000e2',
    externalId: '01930000-0000-7000-8000-0000000000f1',
    mac: 'fa:16:3e:00:00:e2',
    addresses: ['172.24.4.11/24'],
    nexthops: ['172.24.4.1'],
    snat: true,
  },
  routes: [],
  floatingIps: [],
};
