import type { AgentClient, ServerDiagnostics } from '../agent/api.ts';
import type { Context } from '../kernel/context.ts';
import { conflict, Failure } from '../kernel/errors.ts';
import { endpointsOf } from '../kernel/http/endpoint.ts';
import { Type } from '../kernel/type.ts';
import type { ComputeWorld } from './compute.world.ts';
import { hostOf } from './server-apply.ts';
import { guardCheck, serverChange, type ActGuard } from './server-act.ts';
import { serverFor } from './server-get.ts';
import { hostCheck, type ServerRow } from './server.model.ts';
import { strict } from './server.schema.ts';

const endpoint = endpointsOf<ComputeWorld>();
const actionPath = '/v2.1/servers/:serverId/action';

const ConsoleOutput = Type.Object(
  {
    'os-getConsoleOutput': Type.Object(
      {
        length: Type.Optional(
          Type.Union([
            Type.Integer({ minimum: -1 }),
            Type.String({ pattern: '^(-1|[0-9]{1,9})$' }),
            Type.Null(),
          ]),
        ),
      },
      strict,
    ),
  },
  strict,
);

const Whole = Type.Union([Type.Integer(), Type.Null()]);
const Diagnostics = Type.Object(
  {
    state: Type.String(),
    driver: Type.String(),
    hypervisor: Type.String(),
    hypervisor_os: Type.String(),
    uptime: Type.Integer(),
    config_drive: Type.Boolean(),
    num_cpus: Type.Integer(),
    num_nics: Type.Integer(),
    num_disks: Type.Integer(),
    cpu_details: Type.Array(Type.Record(Type.String(), Whole)),
    nic_details: Type.Array(Type.Record(Type.String(), Type.Union([Whole, Type.String()]))),
    disk_details: Type.Array(Type.Record(Type.String(), Whole)),
    memory_details: Type.Record(Type.String(), Whole),
  },
  strict,
);

function diagnosticsView(server: ServerRow, from: ServerDiagnostics, accel: string) {
  return {
    state: from.state === 'stopped' ? 'shutdown' : from.state,
    // Clients take one of a fixed list; the guest's machine is what libvirt would have made.
    driver: 'libvirt',
    hypervisor: accel === 'kvm' ? 'kvm' : 'qemu',
    hypervisor_os: 'linux',
    uptime: from.uptimeSec,
    config_drive: server.config_drive === 1,
    num_cpus: from.cpus.length,
    num_nics: from.nics.length,
    num_disks: from.disks.length,
    cpu_details: from.cpus.map(({ id, timeNs }) => ({ id, time: timeNs, utilisation: null })),
    nic_details: from.nics.map((nic) => ({
      mac_address: nic.mac,
      rx_octets: nic.rxBytes,
      rx_errors: nic.rxErrors,
      rx_drop: nic.rxDrops,
      rx_packets: nic.rxPackets,
      rx_rate: null,
      tx_octets: nic.txBytes,
      tx_errors: nic.txErrors,
      tx_drop: nic.txDrops,
      tx_packets: nic.txPackets,
      tx_rate: null,
    })),
    disk_details: from.disks.map((disk) => ({
      read_bytes: disk.readBytes,
      read_requests: disk.readRequests,
      write_bytes: disk.writeBytes,
      write_requests: disk.writeRequests,
      errors_count: disk.errors,
    })),
    memory_details: { maximum: from.memory.maximumMib, used: from.memory.usedMib },
  };
}

/** Before 2.48: flat, named after devices, memory in KiB. */
function diagnosticsFlat({ cpus, disks, nics, memory }: ServerDiagnostics) {
  const flat: Record<string, number> = { memory: memory.maximumMib * 1024 };
  for (const { id, timeNs } of cpus) flat[`cpu${id}_time`] = timeNs;
  for (const [index, disk] of disks.entries()) {
    const name = `vd${String.fromCharCode(97 + index)}`;
    flat[`${name}_read`] = disk.readBytes;
    flat[`${name}_read_req`] = disk.readRequests;
    flat[`${name}_write`] = disk.writeBytes;
    flat[`${name}_write_req`] = disk.writeRequests;
    flat[`${name}_errors`] = disk.errors;
  }
  for (const [index, nic] of nics.entries()) {
    flat[`vnet${index}_rx`] = nic.rxBytes;
    flat[`vnet${index}_rx_packets`] = nic.rxPackets;
    flat[`vnet${index}_rx_errors`] = nic.rxErrors;
    flat[`vnet${index}_rx_drop`] = nic.rxDrops;
    flat[`vnet${index}_tx`] = nic.txBytes;
    flat[`vnet${index}_tx_packets`] = nic.txPackets;
    flat[`vnet${index}_tx_errors`] = nic.txErrors;
    flat[`vnet${index}_tx_drop`] = nic.txDrops;
  }
  return flat;
}

async function accelOf({ cell }: ComputeWorld, host: string | null): Promise<string> {
  const row = await cell.read((tx) =>
    tx.selectFrom('host').select('facts').where('name', '=', host).executeTakeFirst(),
  );
  return (JSON.parse(row?.facts ?? '{}') as { accel?: string }).accel ?? 'tcg';
}

/** The guest's own agent sets it; a guest without one cannot. */
async function passwordChange(
  context: Context<ComputeWorld>,
  id: string,
  password: string,
): Promise<void> {
  const guard: ActGuard = {
    rule: 'os_compute_api:os-admin-password',
    word: 'changePassword',
    vmStates: ['active'],
    taskStates: [null],
  };
  const server = await serverFor(context, id, guard.rule);
  guardCheck(context, server, guard);
  const { agent } = hostOf(context.world, server.host);
  try {
    await agent.serverPasswordSet(server.id, 'root', password);
  } catch (error) {
    if (!(error instanceof Failure) || error.kind !== 'conflict') throw error;
    throw conflict('Guest agent is not enabled for the instance', { cause: error });
  }
  await serverChange(context, id, guard, () => ({ admin_pass: password }));
}

/** Null: the server is on no host yet, or that host has not been told of it. */
async function atItsHost<T>(
  { world }: Context<ComputeWorld>,
  server: ServerRow,
  ask: (agent: AgentClient) => Promise<T>,
): Promise<T | null> {
  if (server.host === null) return null;
  try {
    return await ask(hostOf(world, server.host).agent);
  } catch (error) {
    if (error instanceof Failure && error.kind === 'not_found') return null;
    throw error;
  }
}

export const serverGuestRoutes = [
  endpoint(
    {
      id: 'servers.console-output',
      method: 'POST',
      path: actionPath,
      action: 'os-getConsoleOutput',
      rule: 'os_compute_api:os-console-output',
      body: ConsoleOutput,
      reply: { 200: Type.Object({ output: Type.String() }, strict) },
    },
    async (context, { params: { serverId = '' }, body }) => {
      const server = await serverFor(context, serverId, 'os_compute_api:os-console-output');
      hostCheck(server);
      const length = Number(body['os-getConsoleOutput'].length ?? -1);
      const { agent } = hostOf(context.world, server.host);
      const output = await agent.serverConsole(server.id, length < 0 ? null : length);
      return { status: 200, body: { output } };
    },
  ),
  endpoint(
    {
      id: 'servers.change-password',
      method: 'POST',
      path: actionPath,
      action: 'changePassword',
      rule: 'os_compute_api:os-admin-password',
      body: Type.Object(
        { changePassword: Type.Object({ adminPass: Type.String() }, strict) },
        strict,
      ),
      reply: { 202: null },
    },
    async (context, { params: { serverId = '' }, body }) => {
      await passwordChange(context, serverId, body.changePassword.adminPass);
      return { status: 202 };
    },
  ),
  endpoint(
    {
      id: 'servers.diagnostics',
      method: 'GET',
      path: '/v2.1/servers/:serverId/diagnostics',
      rule: 'os_compute_api:os-server-diagnostics',
      reply: { 200: Type.Union([Diagnostics, Type.Record(Type.String(), Type.Number())]) },
    },
    async (context, { params: { serverId = '' } }) => {
      const server = await serverFor(context, serverId, 'os_compute_api:os-server-diagnostics');
      hostCheck(server);
      const { agent } = hostOf(context.world, server.host);
      if (server.run_state !== 'running' && server.run_state !== 'paused') {
        throw conflict(
          `Cannot 'get_diagnostics' instance ${server.id} while it is in vm_state ${server.vm_state}`,
        );
      }
      const found = await agent.serverDiagnostics(server.id);
      if (!context.since('2.48')) return { status: 200, body: diagnosticsFlat(found) };
      const accel = await accelOf(context.world, server.host);
      return { status: 200, body: diagnosticsView(server, found, accel) };
    },
  ),
  endpoint(
    {
      id: 'servers.password',
      method: 'GET',
      path: '/v2.1/servers/:serverId/os-server-password',
      rule: 'os_compute_api:os-server-password:show',
      reply: { 200: Type.Object({ password: Type.String() }, strict) },
    },
    async (context, { params: { serverId = '' } }) => {
      const server = await serverFor(context, serverId, 'os_compute_api:os-server-password:show');
      const password = await atItsHost(context, server, (agent) =>
        agent.serverPasswordRead(server.id),
      );
      return { status: 200, body: { password: password ?? '' } };
    },
  ),
  endpoint(
    {
      id: 'servers.password-clear',
      method: 'DELETE',
      path: '/v2.1/servers/:serverId/os-server-password',
      rule: 'os_compute_api:os-server-password:clear',
      reply: { 204: null },
    },
    async (context, { params: { serverId = '' } }) => {
      const server = await serverFor(context, serverId, 'os_compute_api:os-server-password:clear');
      await atItsHost(context, server, (agent) => agent.serverPasswordClear(server.id));
      return { status: 204 };
    },
  ),
  endpoint(
    {
      id: 'servers.topology',
      method: 'GET',
      path: '/v2.1/servers/:serverId/topology',
      since: '2.78',
      rule: 'compute:server:topology:index',
      reply: {
        200: Type.Object({ nodes: Type.Array(Type.Unknown()), pagesize_kb: Type.Null() }, strict),
      },
    },
    async (context, { params: { serverId = '' } }) => {
      await serverFor(context, serverId, 'compute:server:topology:index');
      // No server here is bound to a NUMA node.
      return { status: 200, body: { nodes: [], pagesize_kb: null } };
    },
  ),
];
