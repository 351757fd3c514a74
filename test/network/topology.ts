import type { NetworkServe } from './network-serve.ts';

interface Leg {
  readonly network: { readonly id: string };
  readonly subnet: { readonly id: string; readonly gateway_ip: string };
}

/** An external network of the operator's. */
export async function externalMake(one: NetworkServe, cidr = '203.0.113.0/24'): Promise<Leg> {
  const network = await one.make('admin', 'networks', {
    network: { name: 'public', 'router:external': true },
  });
  const subnet = await one.make('admin', 'subnets', {
    subnet: { network_id: network.id, ip_version: 4, cidr, enable_dhcp: false },
  });
  return { network, subnet };
}

export async function tenantMake(one: NetworkServe, as: string, cidr: string): Promise<Leg> {
  const network = await one.make(as, 'networks', { network: { name: 'private' } });
  const subnet = await one.make(as, 'subnets', {
    subnet: { network_id: network.id, ip_version: cidr.includes(':') ? 6 : 4, cidr },
  });
  return { network, subnet };
}

/** A router between the two. */
export async function routerMake(
  one: NetworkServe,
  as: string,
  outside: Leg,
  inside: Leg,
): Promise<{ readonly id: string }> {
  const router = await one.make(as, 'routers', {
    router: { name: 'r', external_gateway_info: { network_id: outside.network.id } },
  });
  await one.call(as, 'PUT', `routers/${router.id}/add_router_interface`, {
    subnet_id: inside.subnet.id,
  });
  return router;
}
