import type { PolicyDefaults } from '../kernel/policy.ts';

/** Nova's rules about server groups. */
export const serverGroupPolicy: PolicyDefaults = {
  'os_compute_api:os-server-groups:index': {
    check: 'rule:project_reader_or_admin',
    description: 'List server groups',
  },
  'os_compute_api:os-server-groups:index:all_projects': {
    check: 'rule:context_is_admin',
    description: 'List those of all projects',
  },
  'os_compute_api:os-server-groups:show': {
    check: 'rule:project_reader_or_admin',
    description: 'See a server group',
  },
  'os_compute_api:os-server-groups:create': {
    check: 'rule:project_member_or_admin',
    description: 'Make a server group',
  },
  'os_compute_api:os-server-groups:delete': {
    check: 'rule:project_member_or_admin',
    description: 'Delete a server group',
  },
};
