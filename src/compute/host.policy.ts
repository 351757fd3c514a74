import type { PolicyDefaults } from '../kernel/policy.ts';

const admin = 'rule:context_is_admin';

/** Nova's rules about hosts: hypervisors, compute services, availability zones. */
export const hostPolicy: PolicyDefaults = {
  'os_compute_api:os-availability-zone:list': {
    check: '@',
    description: 'List availability zones',
  },
  'os_compute_api:os-availability-zone:detail': {
    check: admin,
    description: 'List them with their hosts',
  },
  'os_compute_api:os-services:list': { check: admin, description: 'List compute services' },
  'os_compute_api:os-services:update': {
    check: admin,
    description: 'Enable or disable a compute service',
  },
  'os_compute_api:os-hypervisors:list': { check: admin, description: 'List hypervisors' },
  'os_compute_api:os-hypervisors:list-detail': {
    check: admin,
    description: 'List them with their capacity',
  },
  'os_compute_api:os-hypervisors:show': { check: admin, description: 'See a hypervisor' },
  'os_compute_api:os-hypervisors:statistics': {
    check: admin,
    description: 'See the capacity of all together',
  },
  'os_compute_api:os-hypervisors:uptime': {
    check: admin,
    description: 'See since when a hypervisor is up',
  },
  'os_compute_api:os-hypervisors:search': { check: admin, description: 'Find hypervisors by name' },
  'os_compute_api:os-hypervisors:servers': {
    check: admin,
    description: 'List the servers of hypervisors',
  },
  'os_compute_api:os-aggregates:index': { check: admin, description: 'List host aggregates' },
  'os_compute_api:os-aggregates:show': { check: admin, description: 'See a host aggregate' },
  'os_compute_api:os-aggregates:create': { check: admin, description: 'Make a host aggregate' },
  'os_compute_api:os-aggregates:update': {
    check: admin,
    description: 'Change name and zone of a host aggregate',
  },
  'os_compute_api:os-aggregates:delete': { check: admin, description: 'Delete a host aggregate' },
  'os_compute_api:os-aggregates:add_host': {
    check: admin,
    description: 'Put a host into an aggregate',
  },
  'os_compute_api:os-aggregates:remove_host': {
    check: admin,
    description: 'Take a host out of an aggregate',
  },
  'os_compute_api:os-aggregates:set_metadata': {
    check: admin,
    description: 'Change the metadata of a host aggregate',
  },
  'compute:aggregates:images': {
    check: admin,
    description: 'Bring images to the hosts of an aggregate',
  },
  'os_compute_api:os-hosts:list': { check: admin, description: 'List hosts' },
  'os_compute_api:os-hosts:show': { check: admin, description: 'See what a host has and gives' },
  'os_compute_api:os-hosts:update': { check: admin, description: 'Enable or disable a host' },
  'os_compute_api:os-hosts:start': { check: admin, description: 'Start a host' },
  'os_compute_api:os-hosts:shutdown': { check: admin, description: 'Shut a host down' },
  'os_compute_api:os-hosts:reboot': { check: admin, description: 'Reboot a host' },
  'os_compute_api:os-simple-tenant-usage:list': {
    check: admin,
    description: 'See what all projects used',
  },
  'os_compute_api:os-simple-tenant-usage:show': {
    check: 'rule:project_reader_or_admin',
    description: 'See what a project used',
  },
};
