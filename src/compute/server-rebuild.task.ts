import type { Step, TaskKind } from '../kernel/task.ts';
import { actDone, actFailed, actUndone, isOvertaken } from './act-end.ts';
import type { ComputeWorld } from './compute.world.ts';
import { imageEnsure } from './image-ensure.ts';
import type { ActInput } from './server-act.ts';
import { hostOf, serverApply, serverNow, serverPut } from './server-apply.ts';
import { powerState } from './server.model.ts';
import { serverUpdate } from './server.store.ts';

export interface RebuildInput extends ActInput {
  readonly wasStopped: boolean;
}
type RebuildStep = Step<ComputeWorld, RebuildInput>;

const image: RebuildStep = {
  name: 'image',
  async run(act) {
    const server = await serverNow(act);
    const host = hostOf(act.world, server.host);
    if (server.image_id !== null) await imageEnsure(act.world, host, server.image_id);
  },
};

const apply: RebuildStep = {
  name: 'apply',
  async run(act) {
    await serverApply(act);
  },
  /** The old disk is gone by now: what is left is a server in error that does not run. */
  async undo({ world, input, clock }) {
    const back = await world.cell.write(async (tx) => {
      if (await isOvertaken(tx, input)) return null;
      return serverUpdate(
        tx,
        input.serverId,
        { taskStates: [input.taskState] },
        { run_state: 'stopped', generation: 'next', updated_at: clock.now() },
      );
    });
    if (back !== null) await serverPut(world, input.serverId);
  },
};

const done: RebuildStep = {
  name: 'done',
  async run(act) {
    const { wasStopped } = act.input;
    await actDone(act, {
      vm_state: wasStopped ? 'stopped' : 'active',
      power_state: wasStopped ? powerState.shutDown : powerState.running,
      ...(!wasStopped && { launched_at: act.clock.now() }),
    });
  },
  undo: (act) => actUndone(act, act.input.wasStopped ? 'stopped' : 'active', {}),
};

export const serverRebuildTask: TaskKind<ComputeWorld, RebuildInput> = {
  kind: 'server-rebuild',
  steps: [image, apply, done],
  failed: (act, error) =>
    actFailed(act, error, () => ({ vm_state: 'error', power_state: powerState.shutDown })),
};
