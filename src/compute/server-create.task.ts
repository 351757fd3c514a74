import { Failure } from '../kernel/errors.ts';
import type { Act, Step, TaskKind } from '../kernel/task.ts';
import { actionEnd, actionReopen } from './action.store.ts';
import { claimRemove } from './claim.store.ts';
import { hostFind } from './host.store.ts';
import type { ComputeWorld } from './compute.world.ts';
import { imageEnsure } from './image-ensure.ts';
import { HostRefusal, refusing } from './host-refusal.ts';
import { hostOf, serverApply, serverNow } from './server-apply.ts';
import type { ServerCreateInput } from './server-create.model.ts';
import { faultInsert, faultOf } from './server-fault.ts';
import { hostRemove, hostsRefused, noValidHost, serverMove } from './server-move.ts';
import { powerState, type ServerRow } from './server.model.ts';
import { locationAppend, serverFind, serverUpdate, type CellTx } from './server.store.ts';

type CreateAct = Act<ComputeWorld, ServerCreateInput>;
type CreateStep = Step<ComputeWorld, ServerCreateInput>;

/** Ports, as the network service makes them; their ids were chosen with the task, so making twice is making once. */
const ports: CreateStep = {
  name: 'ports',
  async run(act) {
    const { world, input } = act;
    const server = await serverNow(act);
    if (server.host === null) throw noValidHost('There are not enough hosts available.');
    const owner = await portOwner(world, server);
    const wires: { readonly portId: string; readonly mac: string; readonly mtu: number }[] = [];
    for (const nic of input.nics) {
      const { portId } = nic;
      const { mac, mtu } = nic.isNew
        ? await world.network.portCreate({
            ...owner,
            id: nic.portId,
            networkId: nic.networkId,
            fixedAddress: nic.fixedAddress,
            securityGroupIds: input.securityGroupIds,
          })
        : await world.network.portAttach(nic.portId, owner);
      wires.push({ portId, mac, mtu });
    }
    await world.cell.write(async (tx) => {
      for (const { portId, mac, mtu } of wires) {
        await tx
          .updateTable('server_nic')
          .set({ mac, mtu })
          .where('port_id', '=', portId)
          .where('server_id', '=', server.id)
          .execute();
      }
      await spawningSet(tx, act);
    });
  },
  async undo({ world, input: { serverId } }) {
    await world.network.serverRelease(serverId);
    await world.cell.write(async (tx) => {
      await tx.deleteFrom('server_nic').where('server_id', '=', serverId).execute();
    });
  },
};

/** Tries the host that was claimed, and others as long as there are any when it refuses. */
const build: CreateStep = {
  name: 'build',
  async run(act) {
    for (;;) {
      const server = await spawning(act);
      try {
        return await buildOn(act, server);
      } catch (error) {
        if (!(error instanceof HostRefusal)) throw error;
        await refused(act, server, error);
      }
    }
  },
  async undo({ world, input: { serverId } }) {
    const server = await world.cell.read((tx) => serverFind(tx, serverId));
    if (server === null) return;
    for (const name of new Set([...hostsRefused(server), server.host])) {
      if (name !== null) await hostRemove(world, name, serverId);
    }
  },
};

const spawningSet = (tx: CellTx, { clock, input }: CreateAct): Promise<ServerRow | null> =>
  serverUpdate(
    tx,
    input.serverId,
    { vmStates: ['building'], taskStates: ['scheduling', 'networking', 'spawning'] },
    { task_state: 'spawning', updated_at: clock.now() },
  );

/** Mostly the step before has written it down with the ports. */
async function spawning(act: CreateAct): Promise<ServerRow> {
  const { world } = act;
  const known = await serverNow(act);
  if (known.vm_state === 'building' && known.task_state === 'spawning') return known;
  const server = await world.cell.write((tx) => spawningSet(tx, act));
  if (server === null) throw new Failure('conflict', 'The server is no longer being built.');
  return server;
}

async function buildOn(act: CreateAct, server: ServerRow): Promise<void> {
  const { world, input, signal } = act;
  const host = hostOf(world, server.host);
  const networkIds = [...new Set(input.nics.map(({ networkId }) => networkId))];
  if (networkIds.length > 0) {
    await refusing(world.network.hostPrepare(host.name, networkIds, signal));
  }
  if (server.image_id !== null) await imageEnsure(world, host, server.image_id);
  const { actual, factsDigest } = await serverApply(act);
  await world.cell.write(async (tx) => {
    await serverUpdate(
      tx,
      server.id,
      {},
      { facts_digest: factsDigest, power_state: powerState.running, updated_at: act.clock.now() },
    );
  });
  act.log.debug('a server runs', { host: host.name, incarnation: actual.incarnation });
}

/** Moves the server to another host, or ends the task when there is none. */
async function refused(act: CreateAct, server: ServerRow, error: HostRefusal): Promise<void> {
  const { world, log } = act;
  log.warning('a host refused a server', {
    host: server.host,
    code: error.code,
    error: error.message,
  });
  // The image itself is bad: so it is everywhere.
  if (error.code === 'bad_image') {
    throw new Failure('invalid', `Build of instance ${server.id} aborted: ${error.message}`);
  }
  if (server.host !== null) await hostRemove(world, server.host, server.id);
  if (error.code === 'no_image' && !(await hasImage(world, server))) return;
  const next = await serverMove(act, server, `host ${server.host} refused: ${error.code}`);
  if (next === null) {
    throw noValidHost(
      'Exhausted all hosts available for retrying build failures for instance ' +
        `${server.id}: ${error.message}`,
    );
  }
  await world.network.serverBind(server.id, next);
}

/** The copy may have been taken from the cache after it was found there: then it is brought once more. */
async function hasImage(world: ComputeWorld, { host, image_id: id }: ServerRow): Promise<boolean> {
  return id === null || (await hostOf(world, host).agent.imageGet(id)) !== null;
}

const activate: CreateStep = {
  name: 'activate',
  async run({ world, input, clock }) {
    const now = clock.now();
    await world.cell.write(async (tx) => {
      const server = await serverUpdate(
        tx,
        input.serverId,
        { vmStates: ['building'], taskStates: ['spawning'] },
        { vm_state: 'active', task_state: null, launched_at: now, updated_at: now },
      );
      if (server !== null) await actionEnd(tx, input, { now, error: null, host: server.host });
    });
  },
  async undo({ world, input, clock }) {
    await world.cell.write(async (tx) => {
      const server = await serverUpdate(
        tx,
        input.serverId,
        { vmStates: ['active'], taskStates: [null] },
        {
          vm_state: 'building',
          task_state: 'spawning',
          launched_at: null,
          updated_at: clock.now(),
        },
      );
      if (server !== null) await actionReopen(tx, input);
    });
  },
};

export const serverCreateTask: TaskKind<ComputeWorld, ServerCreateInput> = {
  kind: 'server-create',
  steps: [ports, build, activate],
  async failed({ world, input, clock, ids, requestId }, error) {
    const now = clock.now();
    const fault = faultOf(error);
    await world.cell.write(async (tx) => {
      const server = await serverFind(tx, input.serverId);
      if (server === null) return;
      await actionEnd(tx, input, { now, error: fault.message, host: server.host });
      // A delete that cancelled the build does the rest itself.
      if (server.task_state === 'deleting' || server.vm_state !== 'building') return;
      await claimRemove(tx, server.id);
      await faultInsert(tx, ids, { ...fault, serverId: server.id, host: server.host, now });
      const change = { vm_state: 'error', task_state: null, power_state: powerState.none };
      await serverUpdate(tx, server.id, {}, { ...change, host: null, updated_at: now });
      await locationAppend(tx, {
        id: ids.uuid(),
        server_id: server.id,
        host: null,
        reason: `create failed: ${fault.message}`,
        user_id: null,
        request_id: requestId,
        at: now,
      });
    });
  },
};

/** Whom the network service is told that a port is for. */
export async function portOwner(world: ComputeWorld, server: ServerRow) {
  const { host } = server;
  const row = host === null ? null : await world.cell.read((tx) => hostFind(tx, host));
  return {
    serverId: server.id,
    projectId: server.project_id,
    availabilityZone: row?.availability_zone ?? world.settings.defaultZone,
    hostname: server.hostname,
    host,
  };
}
