/**
 * Upstream's rule names and defaults. Where upstream asks a field of the thing (`field:networks:shared=True`), the
 * target carries the field and the rule compares it.
 */
import type { PolicyDefaults } from '../kernel/policy.ts';

const admin = 'rule:admin_only';
const service = 'rule:service_api';
const owner = (role: string): string =>
  `(${admin}) or (role:${role} and project_id:%(project_id)s)`;
const [member, reader, manager] = [owner('member'), owner('reader'), owner('manager')];
const netMember = 'role:member and rule:network_owner';
const onNetwork = `(${admin}) or (${service}) or (${netMember})`;
const onPort = `(${admin}) or (${service}) or (role:member and project_id:%(project_id)s)`;
const subnetMember = `(role:member and project_id:%(project_id)s) or (${admin}) or (${netMember})`;

const rules: Readonly<Record<string, string>> = {
  context_is_admin: 'role:admin',
  context_is_advsvc: 'role:advsvc',
  service_api: 'role:service',
  admin_only: 'rule:context_is_admin',
  network_owner: 'project_id:%(network:project_id)s',
  sg_owner: 'project_id:%(security_group:project_id)s',
  shared: 'True:%(shared)s',
  external: 'True:%(router:external)s',
  network_device: 'True:%(is_network_device)s',

  create_network: member,
  'create_network:shared': admin,
  'create_network:router:external': admin,
  'create_network:is_default': admin,
  'create_network:port_security_enabled': member,
  'create_network:provider:network_type': admin,
  'create_network:provider:physical_network': admin,
  'create_network:provider:segmentation_id': admin,
  get_network: `${reader} or ${service} or rule:shared or rule:external or rule:context_is_advsvc`,
  'get_network:provider:network_type': admin,
  'get_network:provider:physical_network': admin,
  'get_network:provider:segmentation_id': admin,
  update_network: member,
  'update_network:shared': admin,
  'update_network:router:external': admin,
  'update_network:is_default': admin,
  'update_network:port_security_enabled': member,
  'update_network:provider:network_type': admin,
  'update_network:provider:physical_network': admin,
  'update_network:provider:segmentation_id': admin,
  delete_network: member,

  create_subnet: `(${admin}) or (${netMember})`,
  get_subnet: `${reader} or rule:shared or (role:reader and rule:network_owner) or ${service}`,
  update_subnet: subnetMember,
  delete_subnet: subnetMember,

  create_subnetpool: member,
  'create_subnetpool:shared': admin,
  'create_subnetpool:is_default': admin,
  get_subnetpool: `${reader} or rule:shared`,
  update_subnetpool: member,
  'update_subnetpool:is_default': admin,
  delete_subnetpool: member,
  add_prefixes: member,
  remove_prefixes: member,

  create_port: `${onNetwork} or rule:shared`,
  'create_port:device_id': `${member} or ${service}`,
  'create_port:device_owner': `not rule:network_device or ${onNetwork}`,
  'create_port:mac_address': onNetwork,
  'create_port:fixed_ips': `${onNetwork} or rule:shared`,
  'create_port:fixed_ips:ip_address': onNetwork,
  'create_port:fixed_ips:subnet_id': `${onNetwork} or rule:shared`,
  'create_port:port_security_enabled': onNetwork,
  'create_port:binding:host_id': `(${admin}) or (${service})`,
  'create_port:binding:profile': service,
  'create_port:binding:vnic_type': `${member} or ${service}`,
  'create_port:allowed_address_pairs': onNetwork,
  get_port: `(${admin}) or (${service}) or (role:reader and rule:network_owner) or (role:reader and project_id:%(project_id)s)`,
  'get_port:binding:vif_type': `(${admin}) or (${service})`,
  'get_port:binding:vif_details': `(${admin}) or (${service})`,
  'get_port:binding:host_id': `(${admin}) or (${service})`,
  'get_port:binding:profile': `(${admin}) or (${service})`,
  update_port: onPort,
  'update_port:device_id': `${member} or ${service}`,
  'update_port:device_owner': `not rule:network_device or ${onNetwork}`,
  'update_port:mac_address': `(${admin}) or (${service}) or (role:manager and rule:network_owner)`,
  'update_port:fixed_ips': onNetwork,
  'update_port:fixed_ips:ip_address': onNetwork,
  'update_port:fixed_ips:subnet_id': `${onNetwork} or rule:shared`,
  'update_port:port_security_enabled': onNetwork,
  'update_port:binding:host_id': `(${admin}) or (${service})`,
  'update_port:binding:profile': service,
  'update_port:binding:vnic_type': onPort,
  'update_port:allowed_address_pairs': onNetwork,
  delete_port: `${onNetwork} or (role:member and project_id:%(project_id)s)`,

  create_router: member,
  'create_router:external_gateway_info': member,
  'create_router:external_gateway_info:network_id': member,
  'create_router:external_gateway_info:enable_snat': admin,
  'create_router:external_gateway_info:external_fixed_ips': admin,
  get_router: reader,
  update_router: member,
  'update_router:external_gateway_info': member,
  'update_router:external_gateway_info:network_id': member,
  'update_router:external_gateway_info:enable_snat': admin,
  'update_router:external_gateway_info:external_fixed_ips': admin,
  delete_router: member,
  add_router_interface: member,
  remove_router_interface: member,
  add_extraroutes: member,
  remove_extraroutes: member,

  create_floatingip: member,
  'create_floatingip:floating_ip_address': manager,
  get_floatingip: reader,
  update_floatingip: member,
  delete_floatingip: member,

  create_security_group: member,
  get_security_group: `${reader} or rule:shared`,
  update_security_group: member,
  delete_security_group: member,
  create_security_group_rule: `(${admin}) or (role:member and rule:sg_owner)`,
  get_security_group_rule: `(${admin}) or (role:reader and rule:sg_owner)`,
  delete_security_group_rule: `(${admin}) or (role:member and rule:sg_owner)`,

  create_rbac_policy: member,
  'create_rbac_policy:target_tenant': `(${admin}) or not '*':%(target_tenant)s`,
  get_rbac_policy: reader,
  update_rbac_policy: member,
  'update_rbac_policy:target_tenant': `(${admin}) or not '*':%(target_tenant)s`,
  delete_rbac_policy: member,

  get_quota: manager,
  update_quota: admin,
  delete_quota: admin,
  get_agent: admin,
  update_agent: admin,
  delete_agent: admin,
  get_availability_zone: 'role:reader',
  get_network_ip_availability: `(${admin}) or (${service})`,
  get_auto_allocated_topology: reader,
  delete_auto_allocated_topology: member,
};

export const networkPolicies: PolicyDefaults = Object.fromEntries(
  Object.entries(rules).map(([name, check]) => [name, { check, description: descriptionOf(name) }]),
);

function descriptionOf(name: string): string {
  const [verb = '', rest = ''] = name.split(/_(.*)/s);
  const verbs: Readonly<Record<string, string>> = {
    create: 'Create',
    get: 'See',
    update: 'Change',
    delete: 'Delete',
    add: 'Add',
    remove: 'Remove',
  };
  const word = verbs[verb];
  if (word === undefined) return `Part of other rules: ${name.replaceAll('_', ' ')}`;
  const [thing = '', ...attribute] = rest.split(':');
  const noun = thing.replaceAll('_', ' ');
  return attribute.length === 0
    ? `${word} a ${noun}`
    : `${word} a ${noun} with ${attribute.join(':')}`;
}
