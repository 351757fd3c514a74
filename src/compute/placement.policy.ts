import type { PolicyDefaults } from '../kernel/policy.ts';

const admin = 'role:admin';

/** Placement's rules. */
export const placementPolicy: PolicyDefaults = {
  'placement:resource_providers:list': {
    check: admin,
    description: 'List hosts as resource providers',
  },
  'placement:resource_providers:show': { check: admin, description: 'See one' },
  'placement:resource_providers:inventories:list': {
    check: admin,
    description: 'See what a host has',
  },
  'placement:resource_providers:inventories:update': {
    check: admin,
    description: 'Set how far a host is oversold',
  },
  'placement:resource_providers:usages:list': {
    check: admin,
    description: 'See what is claimed on a host',
  },
  'placement:resource_providers:allocations:list': {
    check: admin,
    description: 'See by which servers',
  },
  'placement:resource_providers:traits:list': {
    check: admin,
    description: 'See what is special about a host',
  },
  'placement:allocations:list': { check: admin, description: 'See the claims of a server' },
  'placement:resource_classes:list': { check: admin, description: 'List what can be claimed' },
  'placement:usages': {
    check: 'role:admin or (role:reader and project_id:%(project_id)s)',
    description: 'See what a project has claimed',
  },
};
