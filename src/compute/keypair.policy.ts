import type { PolicyDefaults } from '../kernel/policy.ts';

const ownerOrAdmin = 'rule:context_is_admin or user_id:%(user_id)s';

/** Key pairs belong to users, not to projects. */
export const keypairPolicy: PolicyDefaults = {
  'os_compute_api:os-keypairs:index': { check: ownerOrAdmin, description: 'List key pairs' },
  'os_compute_api:os-keypairs:create': {
    check: ownerOrAdmin,
    description: 'Make or import a key pair',
  },
  'os_compute_api:os-keypairs:show': { check: ownerOrAdmin, description: 'See a key pair' },
  'os_compute_api:os-keypairs:delete': { check: ownerOrAdmin, description: 'Delete a key pair' },
};
