import type { PolicyDefaults } from '../kernel/policy.ts';
import { flavorPolicy } from './flavor.policy.ts';
import { hostPolicy } from './host.policy.ts';
import { keypairPolicy } from './keypair.policy.ts';
import { quotaPolicy } from './quota.policy.ts';
import { serverGroupPolicy } from './server-group.policy.ts';
import { serverPolicy } from './server.policy.ts';

/** Rules that others are made of: Nova's personas. */
const personas: PolicyDefaults = {
  context_is_admin: { check: 'role:admin', description: 'Who is an administrator' },
  admin_or_owner: {
    check: 'is_admin:True or project_id:%(project_id)s',
    description: 'Administrators, and the project that owns the resource',
  },
  admin_api: { check: 'is_admin:True', description: 'Administrators' },
  project_member_api: {
    check: 'role:member and project_id:%(project_id)s',
    description: 'Members of the project',
  },
  project_reader_api: {
    check: 'role:reader and project_id:%(project_id)s',
    description: 'Readers of the project',
  },
  project_member_or_admin: {
    check: 'rule:project_member_api or rule:context_is_admin',
    description: 'Members of the project, and administrators',
  },
  project_reader_or_admin: {
    check: 'rule:project_reader_api or rule:context_is_admin',
    description: 'Readers of the project, and administrators',
  },
};

export const computePolicy: PolicyDefaults = {
  ...personas,
  ...serverPolicy,
  ...flavorPolicy,
  ...keypairPolicy,
  ...quotaPolicy,
  ...hostPolicy,
  ...serverGroupPolicy,
};
