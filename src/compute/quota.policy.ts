import type { PolicyDefaults } from '../kernel/policy.ts';

/** Nova's rules about quotas and limits. */
export const quotaPolicy: PolicyDefaults = {
  'os_compute_api:os-quota-sets:show': {
    check: 'rule:project_reader_or_admin',
    description: 'See the limits of a project',
  },
  'os_compute_api:os-quota-sets:detail': {
    check: 'rule:project_reader_or_admin',
    description: 'See limits and what is used',
  },
  'os_compute_api:os-quota-sets:defaults': {
    check: '@',
    description: 'See the limits that hold where none were set',
  },
  'os_compute_api:os-quota-sets:update': {
    check: 'rule:context_is_admin',
    description: 'Set the limits of a project',
  },
  'os_compute_api:os-quota-sets:delete': {
    check: 'rule:context_is_admin',
    description: 'Return a project to the defaults',
  },
  'os_compute_api:os-quota-class-sets:show': {
    check: 'rule:context_is_admin',
    description: 'See the limits of a class',
  },
  'os_compute_api:os-quota-class-sets:update': {
    check: 'rule:context_is_admin',
    description: 'Set the limits of a class',
  },
  'os_compute_api:limits': { check: '@', description: 'See the limits of the own project' },
  'os_compute_api:limits:other_project': {
    check: 'rule:context_is_admin',
    description: 'See those of another project',
  },
};
