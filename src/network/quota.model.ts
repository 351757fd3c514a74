export const quotaResources = [
  'network',
  'subnet',
  'subnetpool',
  'port',
  'router',
  'floatingip',
  'security_group',
  'security_group_rule',
  'rbac_policy',
] as const;
export type QuotaResource = (typeof quotaResources)[number];
export type QuotaLimits = Readonly<Record<QuotaResource, number>>;
