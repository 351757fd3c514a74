import type { PolicyDefaults } from '../kernel/policy.ts';

/** Nova's rules about flavors. */
export const flavorPolicy: PolicyDefaults = {
  'os_compute_api:os-flavor-manage:create': {
    check: 'rule:context_is_admin',
    description: 'Create a flavor',
  },
  'os_compute_api:os-flavor-manage:update': {
    check: 'rule:context_is_admin',
    description: 'Describe a flavor',
  },
  'os_compute_api:os-flavor-manage:delete': {
    check: 'rule:context_is_admin',
    description: 'Delete a flavor',
  },
  'os_compute_api:os-flavor-extra-specs:index': {
    check: '@',
    description: 'See the extra specs of flavors',
  },
  'os_compute_api:os-flavor-extra-specs:show': { check: '@', description: 'See one extra spec' },
  'os_compute_api:os-flavor-extra-specs:create': {
    check: 'rule:context_is_admin',
    description: 'Add extra specs',
  },
  'os_compute_api:os-flavor-extra-specs:update': {
    check: 'rule:context_is_admin',
    description: 'Change an extra spec',
  },
  'os_compute_api:os-flavor-extra-specs:delete': {
    check: 'rule:context_is_admin',
    description: 'Remove an extra spec',
  },
  'os_compute_api:os-flavor-access': {
    check: 'rule:context_is_admin',
    description: 'See who may use a flavor',
  },
  'os_compute_api:os-flavor-access:add_tenant_access': {
    check: 'rule:context_is_admin',
    description: 'Let a project use a flavor',
  },
  'os_compute_api:os-flavor-access:remove_tenant_access': {
    check: 'rule:context_is_admin',
    description: 'No longer let it',
  },
};
