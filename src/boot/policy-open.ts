import { computePolicy } from '../compute/compute.policy.ts';
import { placementPolicy } from '../compute/placement.policy.ts';
import { identityPolicies } from '../identity/identity.policy.ts';
import { imagePolicy } from '../image/image.policy.ts';
import { Policy, type PolicyDefaults } from '../kernel/policy.ts';
import { networkPolicies } from '../network/network.policy.ts';
import type { Configuration } from './configuration.model.ts';
import { policyFileRead } from './policy-file.ts';

/** Built-in rules by service. */
export const policyDefaults: Readonly<Record<string, PolicyDefaults>> = {
  identity: identityPolicies,
  image: imagePolicy,
  network: networkPolicies,
  compute: computePolicy,
  placement: placementPolicy,
};

export interface PolicyOpened {
  readonly policy: Policy;
  /** What the operator's file says. */
  readonly overrides: Readonly<Record<string, string>>;
}

/** The rules of the cloud: the defaults of every service, and the operator's file. */
export function policyOpen({ policyFile }: Pick<Configuration, 'policyFile'>): PolicyOpened {
  const defaults = Object.assign({}, ...Object.values(policyDefaults)) as PolicyDefaults;
  const overrides = policyFile === null ? {} : policyFileRead(policyFile);
  return { policy: new Policy(defaults, overrides), overrides };
}
