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
};
