import type { Context } from '../kernel/context.ts';
import { notFound } from '../kernel/errors.ts';
import { endpointsOf } from '../kernel/http/endpoint.ts';
import { Type } from '../kernel/type.ts';
import type { ComputeWorld } from './compute.world.ts';

/** Before 2.36 Nova had floating addresses and networks of its own; since then these calls are the network service's. */
const until = '2.35';
const endpoint = endpointsOf<ComputeWorld>();
type ProxyContext = Context<ComputeWorld>;

interface FloatingIp {
  readonly id: string;
  readonly floating_ip_address: string;
  readonly floating_network_id: string;
  readonly fixed_ip_address: string | null;
  readonly port_id: string | null;
}
interface Network {
  readonly id: string;
  readonly name: string;
}

const Json = Type.Record(Type.String(), Type.Unknown());

const call = async <T>(
  context: ProxyContext,
  id: string,
  input: Parameters<ComputeWorld['network']['apiCall']>[2] = {},
): Promise<T> => (await context.world.network.apiCall(context, id, input)) as T;

async function networksOf(
  context: ProxyContext,
  query: Readonly<Record<string, string>> = {},
): Promise<readonly Network[]> {
  const { networks } = await call<{ networks: Network[] }>(context, 'networks.list', { query });
  return networks;
}

const poolsOf = (context: ProxyContext): Promise<readonly Network[]> =>
  networksOf(context, { 'router:external': 'True' });

async function floatingIpView(
  context: ProxyContext,
  { id, floating_ip_address, floating_network_id, fixed_ip_address, port_id }: FloatingIp,
  pools: readonly Network[],
) {
  const pool = pools.find((network) => network.id === floating_network_id);
  const holder =
    port_id === null
      ? null
      : await call<{ port: { device_id: string; device_owner: string } }>(context, 'ports.show', {
          params: { id: port_id },
        });
  const isServer = holder?.port.device_owner.startsWith('compute:') === true;
  return {
    id,
    ip: floating_ip_address,
    pool: pool?.name ?? floating_network_id,
    fixed_ip: fixed_ip_address,
    instance_id: isServer ? holder.port.device_id : null,
  };
}

/** Nova's own networks had all this; of the network service's it knows id and name. */
const unknownOfNetwork = Object.fromEntries(
  [
    ...['cidr', 'netmask', 'gateway', 'broadcast', 'dns1', 'dns2', 'cidr_v6', 'gateway_v6'],
    ...['netmask_v6', 'bridge', 'vlan', 'vpn_public_address', 'vpn_public_port', 'host'],
    ...['vpn_private_address', 'dhcp_start', 'project_id', 'bridge_interface', 'multi_host'],
    ...['priority', 'rxtx_base', 'mtu', 'dhcp_server', 'enable_dhcp', 'share_address'],
    ...['injected', 'created_at', 'updated_at', 'deleted_at', 'deleted'],
  ].map((name) => [name, null]),
);
const networkView = ({ id, name }: Network) => ({ ...unknownOfNetwork, id, label: name });
const tenantNetworkView = ({ id, name }: Network) => ({ id, label: name, cidr: 'None' });

const networkRoutes = (
  [
    ['os-networks', networkView],
    ['os-tenant-networks', tenantNetworkView],
  ] as const
).flatMap(([name, view]) => [
  endpoint(
    {
      id: `${name}.list`,
      method: 'GET',
      path: `/v2.1/${name}`,
      until,
      rule: null,
      reply: { 200: Type.Object({ networks: Type.Array(Json) }) },
    },
    async (context) => ({
      status: 200,
      body: { networks: (await networksOf(context)).map(view) },
    }),
  ),
  endpoint(
    {
      id: `${name}.show`,
      method: 'GET',
      path: `/v2.1/${name}/:id`,
      until,
      rule: null,
      reply: { 200: Type.Object({ network: Json }) },
    },
    async (context, { params }) => {
      const { network } = await call<{ network: Network }>(context, 'networks.show', { params });
      return { status: 200, body: { network: view(network) } };
    },
  ),
]);

const path = '/v2.1/os-floating-ips';
const One = Type.Object({ floating_ip: Json });

export const networkProxyRoutes = [
  ...networkRoutes,
  endpoint(
    {
      id: 'floating-ip-pools.list',
      method: 'GET',
      path: '/v2.1/os-floating-ip-pools',
      until,
      rule: null,
      reply: { 200: Type.Object({ floating_ip_pools: Type.Array(Json) }) },
    },
    async (context) => {
      const pools = (await poolsOf(context)).map(({ name }) => ({ name }));
      return { status: 200, body: { floating_ip_pools: pools } };
    },
  ),
  endpoint(
    {
      id: 'floating-ips.list',
      method: 'GET',
      path,
      until,
      rule: null,
      reply: { 200: Type.Object({ floating_ips: Type.Array(Json) }) },
    },
    async (context) => {
      const { scope } = context.actor;
      const own = scope.kind === 'project' ? { project_id: scope.projectId } : {};
      const { floatingips } = await call<{ floatingips: FloatingIp[] }>(
        context,
        'floatingips.list',
        { query: own },
      );
      const pools = await poolsOf(context);
      const views = floatingips.map((one) => floatingIpView(context, one, pools));
      return { status: 200, body: { floating_ips: await Promise.all(views) } };
    },
  ),
  endpoint(
    {
      id: 'floating-ips.show',
      method: 'GET',
      path: `${path}/:id`,
      until,
      rule: null,
      reply: { 200: One },
    },
    async (context, { params }) => {
      const { floatingip } = await call<{ floatingip: FloatingIp }>(context, 'floatingips.show', {
        params,
      });
      const view = await floatingIpView(context, floatingip, await poolsOf(context));
      return { status: 200, body: { floating_ip: view } };
    },
  ),
  endpoint(
    {
      id: 'floating-ips.create',
      method: 'POST',
      path,
      until,
      rule: null,
      body: Type.Union([
        Type.Object({ pool: Type.Optional(Type.Union([Type.String(), Type.Null()])) }),
        Type.Null(),
      ]),
      reply: { 200: One },
    },
    async (context, { body }) => {
      const pools = await poolsOf(context);
      const name = body?.pool ?? null;
      const pool = pools.find((one) => name === null || one.name === name || one.id === name);
      if (pool === undefined) throw notFound('Floating IP pool not found.');
      const wish = { floatingip: { floating_network_id: pool.id } };
      const { floatingip } = await call<{ floatingip: FloatingIp }>(context, 'floatingips.create', {
        body: wish,
      });
      return {
        status: 200,
        body: { floating_ip: await floatingIpView(context, floatingip, pools) },
      };
    },
  ),
  endpoint(
    {
      id: 'floating-ips.delete',
      method: 'DELETE',
      path: `${path}/:id`,
      until,
      rule: null,
      reply: { 202: null },
    },
    async (context, { params }) => {
      await call(context, 'floatingips.delete', { params });
      return { status: 202 };
    },
  ),
];
