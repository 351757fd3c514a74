import type { Step, TaskKind } from '../kernel/task.ts';
import { actDone, actFailed, actUndone, isOvertaken } from './act-end.ts';
import type { ComputeWorld } from './compute.world.ts';
import type { ActInput } from './server-act.ts';
import { serverApply, serverPut } from './server-apply.ts';
import type { ServerRow } from './server.model.ts';
import { serverUpdate } from './server.store.ts';

export interface PowerState {
  readonly vmState: string;
  readonly power: number;
  readonly run: ServerRow['run_state'];
}

export interface PowerInput extends ActInput {
  readonly after: PowerState;
  readonly failed: PowerState;
}

/** The agent is told, and has done it when the step ends. */
const apply: Step<ComputeWorld, PowerInput> = {
  name: 'apply',
  async run(act) {
    await serverApply(act);
  },
  async undo({ world, input, clock }) {
    const back = await world.cell.write(async (tx) => {
      if (await isOvertaken(tx, input)) return null;
      return serverUpdate(
        tx,
        input.serverId,
        { taskStates: [input.taskState] },
        { run_state: input.failed.run, generation: 'next', updated_at: clock.now() },
      );
    });
    // The document is put; whether the agent can do that is seen by the reconciler, not waited for.
    if (back !== null) await serverPut(world, input.serverId);
  },
};

const done: Step<ComputeWorld, PowerInput> = {
  name: 'done',
  async run(act) {
    const { vmState, power } = act.input.after;
    await actDone(act, { vm_state: vmState, power_state: power });
  },
  undo: (act) => actUndone(act, act.input.after.vmState, {}),
};

export const serverPowerTask: TaskKind<ComputeWorld, PowerInput> = {
  kind: 'server-power',
  steps: [apply, done],
  async failed(act, error) {
    const { vmState, power } = act.input.failed;
    await actFailed(act, error, () => ({ vm_state: vmState, power_state: power }));
  },
};
