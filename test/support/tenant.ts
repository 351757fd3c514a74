/** A project of its own with a network, a router to the outside, and guests in it: all of it through the API. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { namesOf } from '../../src/agent/network/names.ts';
import { layoutOf } from '../../src/boot/layout.ts';
import { apiClient, type ApiClient } from './client.ts';
import { ssh, until, type Cloud } from './cloud.ts';
import type { Station } from './hostile-frames.ts';

export interface Tenant {
  readonly cloud: Cloud;
  readonly api: ApiClient;
  readonly name: string;
  readonly userId: string;
  readonly projectId: string;
  readonly networkId: string;
  readonly subnetIds: readonly string[];
  readonly routerId: string;
  readonly imageId: string;
  /** Private key of its key pair. */
  readonly keyFile: string;
}

export interface TenantGuest extends Station {
  readonly serverId: string;
  readonly portId: string;
  readonly floatingIp: string;
  readonly tenant: Tenant;
}

// oxlint-disable-next-line typescript/no-explicit-any -- tests look into JSON of any shape
type Json = any;

/** What the request made; anything but success fails. */
export async function made(
  api: ApiClient,
  method: string,
  path: string,
  body: object,
): Promise<Json> {
  const { status, json } = await api.insist(method, path, body);
  assert.ok(status < 300, `${method} ${path}: ${status} ${JSON.stringify(json)}`);
  return json;
}

const network = '/network/v2.0';

/** IPv4 10.0.0.0/24 and IPv6 fd00:1::/64 by router advertisement, for every tenant the same. */
export async function tenantMake(cloud: Cloud, name: string, keyFile: string): Promise<Tenant> {
  const admin = await apiClient(cloud);
  const { project } = await made(admin, 'POST', '/identity/v3/projects', { project: { name } });
  const password = `secret-${name}`;
  const { user } = await made(admin, 'POST', '/identity/v3/users', { user: { name, password } });
  const { roles } = (await admin.insist('GET', '/identity/v3/roles?name=member')).json;
  const role = `/identity/v3/projects/${project.id}/users/${user.id}/roles/${roles[0].id}`;
  assert.equal((await admin.insist('PUT', role)).status, 204);
  const api = await apiClient(cloud, { user: name, password, project: name });
  const { images } = (await api.insist('GET', '/image/v2/images?name=tiny')).json;
  const { networks } = (await api.insist('GET', `${network}/networks?router:external=true`)).json;
  const net = (await made(api, 'POST', `${network}/networks`, { network: { name } })).network;
  const external_gateway_info = { network_id: networks[0].id };
  const { router } = await made(api, 'POST', `${network}/routers`, {
    router: { name, external_gateway_info },
  });
  const subnetIds: string[] = [];
  for (const subnet of [
    { ip_version: 4, cidr: '10.0.0.0/24' },
    { ip_version: 6, cidr: 'fd00:1::/64', ipv6_ra_mode: 'slaac', ipv6_address_mode: 'slaac' },
  ]) {
    const wanted = { subnet: { ...subnet, network_id: net.id } };
    const { id } = (await made(api, 'POST', `${network}/subnets`, wanted)).subnet;
    await made(api, 'PUT', `${network}/routers/${router.id}/add_router_interface`, {
      subnet_id: id,
    });
    subnetIds.push(id);
  }
  const public_key = readFileSync(`${keyFile}.pub`, 'utf8');
  await made(api, 'POST', '/compute/v2.1/os-keypairs', { keypair: { name, public_key } });
  const [networkId, imageId, routerId] = [net.id, images[0].id, router.id];
  const owner = { name, userId: user.id, projectId: project.id };
  return { cloud, api, ...owner, networkId, subnetIds, routerId, imageId, keyFile };
}

/** A group of the tenant with these rules for what comes in. */
export async function groupMake({ api }: Tenant, rules: readonly object[]): Promise<string> {
  const group = { security_group: { name: 'group' } };
  const { id } = (await made(api, 'POST', `${network}/security-groups`, group)).security_group;
  for (const rule of rules) await groupRuleMake(api, id, rule);
  return id;
}

export const groupRuleMake = (api: ApiClient, groupId: string, rule: object): Promise<unknown> =>
  made(api, 'POST', `${network}/security-group-rules`, {
    security_group_rule: { security_group_id: groupId, direction: 'ingress', ...rule },
  });

/** A guest at an address of 10.0.0.0/24, reachable from the host by a floating IP once it lets people in. */
export async function guestMake(
  tenant: Tenant,
  { name, ip4, groupId }: { name: string; ip4: string; groupId: string },
): Promise<TenantGuest> {
  const { api, networkId, subnetIds, imageId } = tenant;
  const fixed_ips = [{ subnet_id: subnetIds[0], ip_address: ip4 }];
  const wanted = { network_id: networkId, fixed_ips, security_groups: [groupId] };
  const { port } = await made(api, 'POST', `${network}/ports`, { port: wanted });
  const { networks } = (await api.insist('GET', `${network}/networks?router:external=true`)).json;
  const floating = { floating_network_id: networks[0].id, port_id: port.id };
  const { floatingip } = await made(api, 'POST', `${network}/floatingips`, {
    floatingip: floating,
  });
  const { server } = await made(api, 'POST', '/compute/v2.1/servers', {
    server: {
      ...{ name, imageRef: imageId, flavorRef: '42', key_name: tenant.name },
      networks: [{ port: port.id }],
    },
  });
  const ip6 = port.fixed_ips.find(
    (fixed: { subnet_id: string }) => fixed.subnet_id === subnetIds[1],
  ).ip_address;
  return {
    ...{ tenant, ip4, ip6, mac: port.mac_address },
    ...{ serverId: server.id, portId: port.id, floatingIp: floatingip.floating_ip_address },
  };
}

/** Runs a command in the guest. */
export const inGuest = ({ tenant, floatingIp }: TenantGuest, command: string): Promise<string> =>
  ssh(floatingIp, tenant.keyFile, command);

export interface Capture {
  text(): string;
  /** Resolves with everything once it matches. */
  wrote(pattern: RegExp): Promise<string>;
  stop(): Promise<string>;
}

/** What leaves the bridge for the guest: the capture is at its tap. */
export async function tapCapture(
  { tenant, portId }: TenantGuest,
  ...filter: string[]
): Promise<Capture> {
  const names = namesOf(layoutOf(tenant.cloud.stateDir).cloudId);
  const child = spawn(
    'ip',
    [
      ...['netns', 'exec', names.networkNamespace(tenant.networkId)],
      ...['tcpdump', '-Q', 'out', '-l', '-n', '-e', '-xx', '-i', names.tap(portId), ...filter],
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const closed = once(child, 'close');
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString('latin1')));
  const capture: Capture = {
    text: () => output,
    wrote: (pattern) =>
      until(
        `a capture that matches ${pattern.source}`,
        async () => pattern.test(output) && output,
        60_000,
      ),
    async stop() {
      child.kill('SIGINT');
      await closed;
      return output;
    },
  };
  await capture.wrote(/listening on/);
  return capture;
}

export async function tenantRemove(tenant: Tenant): Promise<void> {
  const { api, networkId, routerId, subnetIds } = tenant;
  const { servers } = (await api.insist('GET', '/compute/v2.1/servers')).json;
  for (const { id } of servers) await api.insist('DELETE', `/compute/v2.1/servers/${id}`);
  await until('the servers to be gone', async () => {
    const { json } = await api.insist('GET', '/compute/v2.1/servers');
    return json.servers.length === 0;
  });
  const { floatingips } = (await api.insist('GET', `${network}/floatingips`)).json;
  for (const { id } of floatingips) await api.insist('DELETE', `${network}/floatingips/${id}`);
  for (const subnet_id of subnetIds) {
    const path = `${network}/routers/${routerId}/remove_router_interface`;
    await api.insist('PUT', path, { subnet_id });
  }
  await api.insist('DELETE', `${network}/routers/${routerId}`);
  const { ports } = (await api.insist('GET', `${network}/ports?network_id=${networkId}`)).json;
  for (const { id, device_owner } of ports)
    if (device_owner === '') await api.insist('DELETE', `${network}/ports/${id}`);
  const gone = await api.insist('DELETE', `${network}/networks/${networkId}`);
  assert.equal(gone.status, 204, JSON.stringify(gone.json));
  const admin = await apiClient(tenant.cloud);
  await admin.insist('DELETE', `/identity/v3/users/${tenant.userId}`);
  await admin.insist('DELETE', `/identity/v3/projects/${tenant.projectId}`);
}
