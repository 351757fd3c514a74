import type { Context } from '../kernel/context.ts';
import { conflict, Failure, invalid, notFound } from '../kernel/errors.ts';
import type { NicWish, ServerPort } from '../network/port.ts';
import type { ComputeWorld } from './compute.world.ts';
import { actStart, type Act } from './server-act.ts';
import { serverFor } from './server-get.ts';
import type { NicInput } from './server-nic.task.ts';
import { nicsOf } from './server.store.ts';
import { taskSettled } from './task-settled.ts';

type ServerContext = Context<ComputeWorld>;

const states = { vmStates: ['active', 'paused', 'stopped'], taskStates: [null], taskState: null };
const attach: Act = {
  ...states,
  rule: 'os_compute_api:os-attach-interfaces:create',
  word: 'attach_interface',
  action: 'attach_interface',
  event: 'compute_attach_interface',
  kind: 'server-nic-attach',
};
const detach: Act = {
  ...states,
  rule: 'os_compute_api:os-attach-interfaces:delete',
  word: 'detach_interface',
  action: 'detach_interface',
  event: 'compute_detach_interface',
  kind: 'server-nic-detach',
};

export interface NicSeen {
  readonly port: ServerPort;
  readonly tag: string | null;
}

/** Null wish: any network that the project has. Waits until the guest has the interface, as Nova does. */
export async function nicAttach(
  context: ServerContext,
  id: string,
  wish: NicWish | null,
  tag: string | null,
): Promise<NicSeen> {
  const { ids } = context;
  const { id: serverId } = await serverFor(context, id, attach.rule);
  const [plan] = await nicPlan(context, wish);
  if (plan === undefined) {
    throw invalid('No specific network was requested and none are available for the project.');
  }
  const portId = plan.portId ?? ids.uuid();
  const nic: NicInput['nic'] = {
    portId,
    isNew: plan.portId === null,
    networkId: plan.networkId,
    fixedAddress: plan.fixedAddress,
    tag,
  };
  let taskId = '';
  await actStart(context, serverId, attach, async (_, tx) => {
    const nics = await nicsOf(tx, serverId);
    if (nics.some(({ port_id }) => port_id === portId)) {
      throw conflict(`Port ${portId} is still in use.`);
    }
    taskId = ids.uuid();
    const position = Math.max(-1, ...nics.map((one) => one.position)) + 1;
    await tx
      .insertInto('server_nic')
      .values({
        port_id: portId,
        server_id: serverId,
        position,
        network_id: plan.networkId,
        mac: null,
        mtu: null,
        tag,
      })
      .execute();
    return { edit: {}, input: { taskId, nic } };
  });
  const error = await taskSettled(context, taskId);
  if (error !== null) {
    throw conflict(`Failed to attach network adapter device to ${serverId}: ${error}`);
  }
  return nicGet(context, id, portId, attach.rule);
}

/** What is missing answers 404 here, where a create answers 400. */
async function nicPlan({ world, actor }: ServerContext, wish: NicWish | null) {
  try {
    return await world.network.nicsPlan(actor, wish === null ? 'any' : [wish], 1);
  } catch (error) {
    const isMissing =
      error instanceof Failure &&
      error.kind === 'invalid' &&
      /could not be found|not found/i.test(error.message);
    throw isMissing ? notFound(error.message) : error;
  }
}

/** Acknowledged at once; the guest gives the interface up in its own time. */
export async function nicDetach(context: ServerContext, id: string, portId: string): Promise<void> {
  await actStart(context, id, detach, async (server, tx) => {
    const found = (await nicsOf(tx, server.id)).find(({ port_id }) => port_id === portId);
    if (found === undefined) throw notFound(`Port id ${portId} could not be found.`);
    const { network_id: networkId, tag } = found;
    const nic = { portId, isNew: false, networkId, fixedAddress: null, tag };
    return { edit: {}, input: { nic, row: found } };
  });
}

export async function nicList(
  context: ServerContext,
  id: string,
  rule: string,
): Promise<readonly NicSeen[]> {
  const { world } = context;
  const server = await serverFor(context, id, rule);
  const [nics, ports] = await Promise.all([
    world.cell.read((tx) => nicsOf(tx, server.id)),
    world.network.portsOf([server.id]),
  ]);
  const tags = new Map(nics.map(({ port_id, tag }) => [port_id, tag]));
  return (ports.get(server.id) ?? []).map((port) => ({ port, tag: tags.get(port.id) ?? null }));
}

export async function nicGet(
  context: ServerContext,
  id: string,
  portId: string,
  rule: string,
): Promise<NicSeen> {
  const found = (await nicList(context, id, rule)).find(({ port }) => port.id === portId);
  if (found !== undefined) return found;
  throw notFound(`Instance ${id} does not have a port with id ${portId}`);
}
