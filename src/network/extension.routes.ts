import { notFound } from '../kernel/errors.ts';
import { Type } from '../kernel/type.ts';
import { endpoint } from './collection.routes.ts';
import { Links } from './collection.schema.ts';

/** Exactly what works; clients choose what to offer by this list. Names and dates are upstream's. */
const known = {
  agent: ['agent', '2013-02-03T10:00:00-00:00'],
  'allowed-address-pairs': ['Allowed Address Pairs', '2013-07-23T10:00:00-00:00'],
  'auto-allocated-topology': ['Auto Allocated Topology Services', '2016-01-01T00:00:00-00:00'],
  availability_zone: ['Availability Zone', '2015-01-01T10:00:00-00:00'],
  binding: ['Port Binding', '2014-02-03T10:00:00-00:00'],
  'default-subnetpools': ['Default Subnetpools', '2016-02-18T18:00:00-00:00'],
  'empty-string-filtering': ['Empty String Filtering Extension', '2018-05-01T10:00:00-00:00'],
  'external-net': ['Neutron external network', '2013-01-14T10:00:00-00:00'],
  extra_dhcp_opt: ['Neutron Extra DHCP options', '2013-03-17T12:00:00-00:00'],
  'ext-gw-mode': ['Neutron L3 Configurable external gateway mode', '2013-03-28T10:00:00-00:00'],
  extraroute: ['Neutron Extra Route', '2013-02-01T10:00:00-00:00'],
  'extraroute-atomic': ['Atomically add/remove extra routes', '2019-07-10T00:00:00+00:00'],
  'filter-validation': ['Filter parameters validation', '2018-07-04T10:00:00-00:00'],
  'fip-port-details': ['Floating IP Port Details Extension', '2018-04-09T10:00:00-00:00'],
  'ip-substring-filtering': ['IP address substring filtering', '2017-11-28T09:00:00-00:00'],
  'net-mtu': ['Network MTU', '2015-03-25T10:00:00-00:00'],
  'net-mtu-writable': ['Network MTU (writable)', '2017-07-12T00:00:00-00:00'],
  'network-ip-availability': ['Network IP Availability', '2015-09-24T00:00:00-00:00'],
  network_availability_zone: ['Network Availability Zone', '2015-01-01T10:00:00-00:00'],
  pagination: ['Pagination support', '2016-06-12T00:00:00-00:00'],
  'port-security-groups-filtering': [
    'Port filtering on security groups',
    '2018-01-09T09:00:00-00:00',
  ],
  'port-security': ['Port Security', '2012-07-23T10:00:00-00:00'],
  'project-id': ['project_id field enabled', '2016-09-09T09:09:09-09:09'],
  provider: ['Provider Network', '2012-09-07T10:00:00-00:00'],
  quotas: ['Quota management support', '2012-07-29T10:00:00-00:00'],
  quota_details: ['Quota details management support', '2017-02-10T10:00:00-00:00'],
  'rbac-policies': ['RBAC Policies', '2015-06-17T12:15:12-00:00'],
  'revision-if-match': [
    'If-Match constraints based on revision_number',
    '2016-12-11T00:00:00-00:00',
  ],
  router: ['Neutron L3 Router', '2012-07-20T10:00:00-00:00'],
  router_availability_zone: ['Router Availability Zone', '2015-01-01T10:00:00-00:00'],
  'security-group': ['security-group', '2012-10-05T10:00:00-00:00'],
  'security-groups-normalized-cidr': [
    'Normalized CIDR field for security group rules',
    '2020-07-28T10:00:00-00:00',
  ],
  'sort-key-validation': ['Sort keys validation', '2018-07-04T10:00:00-00:00'],
  'security-groups-rules-belongs-to-default-sg': [
    "Security group rule belongs to the project's default security group",
    '2023-05-23T10:00:00-00:00',
  ],
  sorting: ['Sorting support', '2016-06-12T00:00:00-00:00'],
  'standard-attr-description': ['standard-attr-description', '2016-02-10T10:00:00-00:00'],
  'standard-attr-revisions': ['Resource revision numbers', '2016-04-11T10:00:00-00:00'],
  'standard-attr-tag': [
    'Tag support for resources with standard attribute',
    '2017-01-01T00:00:00-00:00',
  ],
  'standard-attr-timestamp': ['Resource timestamps', '2016-09-12T10:00:00-00:00'],
  'stateful-security-group': ['Stateful security group', '2019-11-26T09:00:00-00:00'],
  subnet_allocation: ['Subnet Allocation', '2015-03-30T10:00:00-00:00'],
  'subnetpool-prefix-ops': ['Subnet Pool Prefix Operations', '2019-02-08T10:00:00-00:00'],
  'tag-ports-during-bulk-creation': ['Tag Ports During Bulk Creation', '2019-12-29T19:00:00-00:00'],
} as const;

const Extension = Type.Object({
  alias: Type.String(),
  name: Type.String(),
  description: Type.String(),
  updated: Type.String(),
  links: Links,
});

const extensions = Object.entries(known).map(([alias, [name, updated]]) => ({
  alias,
  name,
  description: name,
  updated,
  links: [],
}));

export const extensionRoutes = [
  endpoint(
    {
      id: 'extensions.list',
      method: 'GET',
      path: '/v2.0/extensions',
      rule: null,
      reply: { 200: Type.Object({ extensions: Type.Array(Extension) }) },
    },
    () => ({ status: 200, body: { extensions } }),
  ),
  endpoint(
    {
      id: 'extensions.show',
      method: 'GET',
      path: '/v2.0/extensions/:alias',
      rule: null,
      reply: { 200: Type.Object({ extension: Extension }) },
    },
    (_, { params: { alias = '' } }) => {
      const extension = extensions.find((one) => one.alias === alias);
      if (extension !== undefined) return { status: 200, body: { extension } };
      throw notFound(`Extension with alias ${alias} does not exist`, { type: 'HTTPNotFound' });
    },
  ),
];
