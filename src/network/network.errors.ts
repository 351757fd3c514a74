/** The failures of this API under the names and with the texts that its clients know. */
import { Failure, conflict, invalid, notFound } from '../kernel/errors.ts';

const typed =
  (kind: (message: string, options: { type: string }) => Failure, type: string) =>
  (message: string): Failure =>
    kind(message, { type });

export const badRequest = typed(invalid, 'HTTPBadRequest');
export const invalidInput = (message: string): Failure =>
  invalid(`Invalid input for operation: ${message}.`, { type: 'InvalidInput' });

const missing = {
  network: ['NetworkNotFound', 'Network'],
  subnet: ['SubnetNotFound', 'Subnet'],
  subnetpool: ['SubnetPoolNotFound', 'Subnet pool'],
  port: ['PortNotFound', 'Port'],
  router: ['RouterNotFound', 'Router'],
  floatingip: ['FloatingIPNotFound', 'Floating IP'],
  security_group: ['SecurityGroupNotFound', 'Security group'],
  security_group_rule: ['SecurityGroupRuleNotFound', 'Security group rule'],
  rbac_policy: ['RbacPolicyNotFound', 'RBAC policy of type network with ID'],
  agent: ['AgentNotFound', 'Agent'],
} as const;
export type ResourceName = keyof typeof missing;

export function missingOf(resource: ResourceName, id: string): Failure {
  const [type, noun] = missing[resource];
  const end = 'does not exist';
  return notFound(
    noun.startsWith('Security') || noun.startsWith('RBAC')
      ? `${noun} ${id} ${end}.`
      : `${noun} ${id} could not be found.`,
    { type },
  );
}

export const overQuota = (resources: readonly string[]): Failure =>
  conflict(`Quota exceeded for resources: [${resources.map((name) => `'${name}'`).join(', ')}].`, {
    type: 'OverQuota',
  });

export const networkInUse = (id: string): Failure =>
  conflict(
    `Unable to complete operation on network ${id}. There are one or more ports still in use on the network.`,
    { type: 'NetworkInUse' },
  );
export const subnetInUse = (id: string, reason: string): Failure =>
  conflict(`Unable to complete operation on subnet ${id}: ${reason}.`, { type: 'SubnetInUse' });
export const addressInUse = (networkId: string, address: string): Failure =>
  conflict(
    `Unable to complete operation for network ${networkId}. The IP address ${address} is in use.`,
    { type: 'IpAddressInUse' },
  );
export const addressesExhausted = (networkId: string): Failure =>
  conflict(`No more IP addresses available on network ${networkId}.`, {
    type: 'IpAddressGenerationFailure',
  });
export const macInUse = (networkId: string, mac: string): Failure =>
  conflict(
    `Unable to complete operation for network ${networkId}. The mac address ${mac} is in use.`,
    { type: 'MacAddressInUse' },
  );
