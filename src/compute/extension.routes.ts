import { notFound } from '../kernel/errors.ts';
import { endpointsOf } from '../kernel/http/endpoint.ts';
import { Type } from '../kernel/type.ts';
import type { ComputeWorld } from './compute.world.ts';

const endpoint = endpointsOf<ComputeWorld>();

/** What old clients ask for before they use it; new ones look at microversions. Only what is here is named. */
const names: Readonly<Record<string, string>> = {
  'OS-DCF': 'DiskConfig',
  'OS-EXT-AZ': 'ExtendedAvailabilityZone',
  'OS-EXT-IMG-SIZE': 'ImageSize',
  'OS-EXT-IPS': 'ExtendedIps',
  'OS-EXT-IPS-MAC': 'ExtendedIpsMac',
  'OS-EXT-SRV-ATTR': 'ExtendedServerAttributes',
  'OS-EXT-STS': 'ExtendedStatus',
  'OS-FLV-DISABLED': 'FlavorDisabled',
  'OS-FLV-EXT-DATA': 'FlavorExtraData',
  'OS-SCH-HNT': 'SchedulerHints',
  'OS-SRV-USG': 'ServerUsage',
  NMN: 'Multinic',
  'os-admin-actions': 'AdminActions',
  'os-aggregates': 'Aggregates',
  'os-attach-interfaces': 'AttachInterfaces',
  'os-availability-zone': 'AvailabilityZone',
  'os-config-drive': 'ConfigDrive',
  'os-console-output': 'ConsoleOutput',
  'os-create-server-ext': 'Createserverext',
  'os-extended-floating-ips': 'ExtendedFloatingIps',
  'os-extended-quotas': 'ExtendedQuotas',
  'os-flavor-access': 'FlavorAccess',
  'os-flavor-extra-specs': 'FlavorExtraSpecs',
  'os-flavor-manage': 'FlavorManage',
  'os-flavor-rxtx': 'FlavorRxtx',
  'os-flavor-swap': 'FlavorSwap',
  'os-floating-ip-pools': 'FloatingIpPools',
  'os-floating-ips': 'FloatingIps',
  'os-hosts': 'Hosts',
  'os-hypervisors': 'Hypervisors',
  'os-instance-actions': 'InstanceActions',
  'os-keypairs': 'Keypairs',
  'os-migrations': 'Migrations',
  'os-multiple-create': 'MultipleCreate',
  'os-networks': 'Networks',
  'os-quota-class-sets': 'QuotaClasses',
  'os-quota-sets': 'Quotas',
  'os-security-groups': 'SecurityGroups',
  'os-server-groups': 'ServerGroups',
  'os-server-password': 'ServerPassword',
  'os-services': 'Services',
  'os-simple-tenant-usage': 'SimpleTenantUsage',
  'os-tenant-networks': 'OSTenantNetworks',
  'os-used-limits': 'UsedLimits',
  'os-user-data': 'UserData',
};

const extensionView = (alias: string, name: string) => ({
  alias,
  name,
  description: '',
  links: [],
  namespace: 'http://docs.openstack.org/compute/ext/fake_xml',
  updated: '2014-12-03T00:00:00Z',
});
const Extension = Type.Record(Type.String(), Type.Unknown());

export const extensionRoutes = [
  endpoint(
    {
      id: 'extensions.list',
      method: 'GET',
      path: '/v2.1/extensions',
      rule: null,
      reply: { 200: Type.Object({ extensions: Type.Array(Extension) }) },
    },
    () => ({
      status: 200,
      body: {
        extensions: Object.entries(names).map(([alias, name]) => extensionView(alias, name)),
      },
    }),
  ),
  endpoint(
    {
      id: 'extensions.show',
      method: 'GET',
      path: '/v2.1/extensions/:alias',
      rule: null,
      reply: { 200: Type.Object({ extension: Extension }) },
    },
    (_, { params: { alias = '' } }) => {
      const name = Object.hasOwn(names, alias) ? names[alias] : undefined;
      if (name === undefined) throw notFound(`Extension ${alias} could not be found.`);
      return { status: 200, body: { extension: extensionView(alias, name) } };
    },
  ),
];
