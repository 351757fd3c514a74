import type { Context } from '../kernel/context.ts';
import { Failure, invalid, notFound } from '../kernel/errors.ts';
import { endpointsOf } from '../kernel/http/endpoint.ts';
import type { ComputeWorld } from './compute.world.ts';
import { lockCheck } from './server-delete.ts';
import { uuidNormal } from './server-create.wire.ts';
import { serverFor } from './server-get.ts';
import { nicAttach, nicDetach, nicGet, nicList, type NicSeen } from './server-nic.ts';
import { Addresses } from './server-reply.schema.ts';
import { Ip, strict, Tag, Uuid } from './server.schema.ts';
import { addressesView } from './server.view.ts';
import { byVersion } from '../kernel/http/endpoint.ts';
import { Type } from '../kernel/type.ts';

const endpoint = endpointsOf<ComputeWorld>();
const actionPath = '/v2.1/servers/:serverId/action';
const nicPath = '/v2.1/servers/:serverId/os-interface';
const Text = Type.String();

async function addressesOf(context: Context<ComputeWorld>, id: string, rule: string) {
  const server = await serverFor(context, id, rule);
  const ports = await context.world.network.portsOf([server.id]);
  return addressesView(ports.get(server.id) ?? [], false);
}

const groupBody = (action: string) =>
  Type.Object({ [action]: Type.Object({ name: Type.String({ minLength: 1 }) }) }, strict);

async function groupFind(context: Context<ComputeWorld>, name: string): Promise<string> {
  try {
    const [group] = await context.world.network.securityGroupsFind(context.actor, [name]);
    if (group !== undefined) return group.id;
  } catch (error) {
    // What a create calls invalid is not found here.
    if (error instanceof Failure && error.kind === 'invalid') throw notFound(error.message);
    throw error;
  }
  throw notFound(`Security group ${name} not found.`);
}

export const serverAddressRoutes = [
  endpoint(
    {
      id: 'server-ips.list',
      method: 'GET',
      path: '/v2.1/servers/:serverId/ips',
      rule: 'os_compute_api:ips:index',
      reply: { 200: Type.Object({ addresses: Addresses }, strict) },
    },
    async (context, { params: { serverId = '' } }) => {
      const addresses = await addressesOf(context, serverId, 'os_compute_api:ips:index');
      return { status: 200, body: { addresses } };
    },
  ),
  endpoint(
    {
      id: 'server-ips.show',
      method: 'GET',
      path: '/v2.1/servers/:serverId/ips/:network',
      rule: 'os_compute_api:ips:show',
      reply: { 200: Addresses },
    },
    async (context, { params: { serverId = '', network = '' } }) => {
      const addresses = await addressesOf(context, serverId, 'os_compute_api:ips:show');
      const lines = Object.hasOwn(addresses, network) ? addresses[network] : undefined;
      if (lines === undefined) throw notFound('Instance is not a member of specified network');
      return { status: 200, body: { [network]: lines } };
    },
  ),
  ...(['addSecurityGroup', 'removeSecurityGroup'] as const).map((action) => {
    const isAdd = action === 'addSecurityGroup';
    const rule = `os_compute_api:os-security-groups:${isAdd ? 'add' : 'remove'}`;
    return endpoint(
      {
        id: `servers.${action}`,
        method: 'POST',
        path: actionPath,
        action,
        rule,
        body: groupBody(action),
        reply: { 202: null },
      },
      async (context, { params: { serverId = '' }, body }) => {
        const server = await serverFor(context, serverId, rule);
        const { name } = (body as Record<string, { name: string }>)[action] ?? { name: '' };
        const { network } = context.world;
        const groupId = await groupFind(context, name);
        await (isAdd
          ? network.securityGroupAdd(server.id, groupId)
          : network.securityGroupRemove(server.id, groupId));
        return { status: 202 };
      },
    );
  }),
  endpoint(
    {
      id: 'servers.add-fixed-ip',
      method: 'POST',
      path: actionPath,
      action: 'addFixedIp',
      until: '2.43',
      rule: 'os_compute_api:os-multinic:add',
      body: Type.Object(
        {
          addFixedIp: Type.Object(
            {
              networkId: Type.Union([Type.String({ minLength: 1, maxLength: 36 }), Type.Number()]),
            },
            strict,
          ),
        },
        strict,
      ),
      reply: { 202: null },
    },
    async (context, { params: { serverId = '' }, body }) => {
      const server = await serverFor(context, serverId, 'os_compute_api:os-multinic:add');
      lockCheck(context, server);
      await context.world.network.fixedIpAdd(server.id, String(body.addFixedIp.networkId));
      return { status: 202 };
    },
  ),
  endpoint(
    {
      id: 'servers.remove-fixed-ip',
      method: 'POST',
      path: actionPath,
      action: 'removeFixedIp',
      until: '2.43',
      rule: 'os_compute_api:os-multinic:remove',
      body: Type.Object({ removeFixedIp: Type.Object({ address: Ip }, strict) }, strict),
      reply: { 202: null },
    },
    async (context, { params: { serverId = '' }, body }) => {
      const server = await serverFor(context, serverId, 'os_compute_api:os-multinic:remove');
      lockCheck(context, server);
      await context.world.network.fixedIpRemove(server.id, body.removeFixedIp.address);
      return { status: 202 };
    },
  ),
  endpoint(
    {
      id: 'servers.add-floating-ip',
      method: 'POST',
      path: actionPath,
      action: 'addFloatingIp',
      until: '2.43',
      rule: 'os_compute_api:os-floating-ips:add',
      body: Type.Object(
        {
          addFloatingIp: Type.Object({ address: Ip, fixed_address: Type.Optional(Ip) }, strict),
        },
        strict,
      ),
      reply: { 202: null },
    },
    async (context, { params: { serverId = '' }, body: { addFloatingIp: wanted } }) => {
      const server = await serverFor(context, serverId, 'os_compute_api:os-floating-ips:add');
      const { network } = context.world;
      const fixed = wanted.fixed_address ?? null;
      await network.floatingIpAssociate(context.actor, wanted.address, server.id, fixed);
      return { status: 202 };
    },
  ),
  endpoint(
    {
      id: 'servers.remove-floating-ip',
      method: 'POST',
      path: actionPath,
      action: 'removeFloatingIp',
      until: '2.43',
      rule: 'os_compute_api:os-floating-ips:remove',
      body: Type.Object({ removeFloatingIp: Type.Object({ address: Ip }, strict) }, strict),
      reply: { 202: null },
    },
    async (context, { params: { serverId = '' }, body: { removeFloatingIp: gone } }) => {
      const server = await serverFor(context, serverId, 'os_compute_api:os-floating-ips:remove');
      await context.world.network.floatingIpDisassociate(context.actor, gone.address, server.id);
      return { status: 202 };
    },
  ),
];

const nicView = (context: Context<ComputeWorld>, { port, tag }: NicSeen) => ({
  port_state: port.status,
  port_id: port.id,
  net_id: port.networkId,
  mac_addr: port.mac,
  fixed_ips: port.fixedIps.map(({ subnetId, address }) => ({
    subnet_id: subnetId,
    ip_address: address,
  })),
  ...(context.since('2.70') && { tag }),
});

const Nic = Type.Object(
  {
    port_state: Text,
    port_id: Text,
    net_id: Text,
    mac_addr: Text,
    fixed_ips: Type.Array(Type.Object({ subnet_id: Text, ip_address: Text }, strict)),
    tag: Type.Optional(Type.Union([Text, Type.Null()])),
  },
  strict,
);
const nic21 = {
  net_id: Type.Optional(Uuid),
  port_id: Type.Optional(Uuid),
  fixed_ips: Type.Optional(
    Type.Array(Type.Object({ ip_address: Ip }, strict), { minItems: 1, maxItems: 1 }),
  ),
};
const nic249 = { ...nic21, tag: Type.Optional(Tag) };
const NicBody = Type.Object(
  { interfaceAttachment: Type.Optional(Type.Object(nic249, strict)) },
  strict,
);
const NicBody21 = Type.Object(
  { interfaceAttachment: Type.Optional(Type.Object(nic21, strict)) },
  strict,
);
const ai = (name: string) => `os_compute_api:os-attach-interfaces:${name}`;

export const serverNicRoutes = [
  endpoint(
    {
      id: 'server-interfaces.list',
      method: 'GET',
      path: nicPath,
      rule: ai('list'),
      reply: { 200: Type.Object({ interfaceAttachments: Type.Array(Nic) }, strict) },
    },
    async (context, { params: { serverId = '' } }) => {
      const nics = await nicList(context, serverId, ai('list'));
      const views = nics.map((nic) => nicView(context, nic));
      return { status: 200, body: { interfaceAttachments: views } };
    },
  ),
  endpoint(
    {
      id: 'server-interfaces.show',
      method: 'GET',
      path: `${nicPath}/:portId`,
      rule: ai('show'),
      reply: { 200: Type.Object({ interfaceAttachment: Nic }, strict) },
    },
    async (context, { params: { serverId = '', portId = '' } }) => {
      const nic = await nicGet(context, serverId, portId, ai('show'));
      return { status: 200, body: { interfaceAttachment: nicView(context, nic) } };
    },
  ),
  endpoint(
    {
      id: 'server-interfaces.attach',
      method: 'POST',
      path: nicPath,
      rule: ai('create'),
      body: byVersion<typeof NicBody>(
        ['2.1', NicBody21 as unknown as typeof NicBody],
        ['2.49', NicBody],
      ),
      reply: { 200: Type.Object({ interfaceAttachment: Nic }, strict) },
    },
    async (context, { params: { serverId = '' }, body }) => {
      const { net_id, port_id, fixed_ips, tag } = body.interfaceAttachment ?? {};
      const fixedAddress = fixed_ips?.[0]?.ip_address ?? null;
      if (net_id !== undefined && port_id !== undefined) {
        throw invalid('Must not input both network_id and port_id');
      }
      if (fixedAddress !== null && net_id === undefined) {
        throw invalid('Must input network_id when request IP address');
      }
      const networkId = net_id === undefined ? null : uuidNormal(net_id);
      const portId = port_id === undefined ? null : uuidNormal(port_id);
      const wish =
        networkId === null && portId === null ? null : { networkId, portId, fixedAddress };
      const nic = await nicAttach(context, serverId, wish, tag ?? null);
      return { status: 200, body: { interfaceAttachment: nicView(context, nic) } };
    },
  ),
  endpoint(
    {
      id: 'server-interfaces.detach',
      method: 'DELETE',
      path: `${nicPath}/:portId`,
      rule: ai('delete'),
      reply: { 202: null },
    },
    async (context, { params: { serverId = '', portId = '' } }) => {
      await nicDetach(context, serverId, portId);
      return { status: 202 };
    },
  ),
];
