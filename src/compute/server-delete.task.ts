import { flag } from '../kernel/db.ts';
import { causesOf, Failure, unavailable } from '../kernel/errors.ts';
import type { Step, TaskKind } from '../kernel/task.ts';
import { actionEnd } from './action.store.ts';
import { claimRemove } from './claim.store.ts';
import type { ComputeWorld } from './compute.world.ts';
import { hostRemove, hostsRefused } from './server-move.ts';
import { powerState } from './server.model.ts';
import { locationAppend, serverFind, serverUpdate } from './server.store.ts';

export interface ServerDeleteInput {
  readonly serverId: string;
  readonly actionId: string;
  readonly eventId: string;
  readonly userId: string;
}
type DeleteStep = Step<ComputeWorld, ServerDeleteInput>;

/** Every host that may have something of the server: where it is, what refused it, what it holds claims on. */
const hosts: DeleteStep = {
  name: 'hosts',
  async run({ world, input: { serverId } }) {
    const names = await world.cell.read(async (tx) => {
      const server = await serverFind(tx, serverId);
      if (server === null) return [];
      const claims = await tx
        .selectFrom('claim')
        .select('host')
        .where('server_id', '=', serverId)
        .execute();
      return [server.host, ...hostsRefused(server), ...claims.map(({ host }) => host)];
    });
    for (const name of new Set(names)) {
      if (name !== null) await hostRemove(world, name, serverId);
    }
  },
};

const network: DeleteStep = {
  name: 'network',
  async run({ world, input: { serverId } }) {
    await world.network.serverRelease(serverId);
  },
};

/** The row stays, marked: lists of what changed since a time show what is gone. */
const row: DeleteStep = {
  name: 'row',
  async run({ world, input, clock, ids, requestId }) {
    const { serverId } = input;
    const now = clock.now();
    await world.cell.write(async (tx) => {
      const server = await serverFind(tx, serverId);
      if (server === null) return;
      await claimRemove(tx, serverId);
      await tx.deleteFrom('server_nic').where('server_id', '=', serverId).execute();
      await actionEnd(tx, input, { now, error: null, host: server.host });
      await locationAppend(tx, {
        id: ids.uuid(),
        server_id: serverId,
        host: null,
        reason: 'delete',
        user_id: input.userId,
        request_id: requestId,
        at: now,
      });
      await serverUpdate(
        tx,
        serverId,
        {},
        {
          vm_state: 'deleted',
          task_state: null,
          power_state: powerState.none,
          admin_pass: null,
          deleted: flag(true),
          deleted_at: now,
          terminated_at: now,
          updated_at: now,
        },
      );
    });
  },
};

/** What cannot be done now is tried again until it can: a delete has no way back. */
const forward = (step: DeleteStep): DeleteStep => ({
  name: step.name,
  async run(act) {
    try {
      await step.run(act);
    } catch (cause) {
      if (cause instanceof Failure && cause.kind === 'unavailable') throw cause;
      act.log.warning('a delete cannot go on yet', { step: step.name, causes: causesOf(cause) });
      throw unavailable(`delete: ${step.name}`, { cause });
    }
  },
});

/** Goes only forward: a delete that was acknowledged ends with nothing left. */
export const serverDeleteTask: TaskKind<ComputeWorld, ServerDeleteInput> = {
  kind: 'server-delete',
  steps: [hosts, network, row].map(forward),
  // Only after a fault of ours: the server stays `deleting`, and a reconciler begins again.
  async failed({ world, input, clock }, error) {
    const text = error instanceof Error ? error.message : String(error);
    await world.cell.write((tx) =>
      actionEnd(tx, input, { now: clock.now(), error: text, host: null }),
    );
  },
};
