import type { TaskKind } from '../kernel/task.ts';
import type { ComputeWorld } from './compute.world.ts';
import { imageCacheTask } from './image-cache.ts';
import { serverCreateTask } from './server-create.task.ts';
import { serverDeleteTask } from './server-delete.task.ts';
import { serverNicAttachTask, serverNicDetachTask } from './server-nic.task.ts';
import { serverPowerTask } from './server-power.task.ts';
import { serverRebuildTask } from './server-rebuild.task.ts';
import { serverSnapshotTask } from './server-snapshot.task.ts';

/** Every kind of task that the runner of a cell must know. */
// oxlint-disable-next-line typescript/no-explicit-any -- each kind has an input of its own
export const computeTasks: readonly TaskKind<ComputeWorld, any>[] = [
  imageCacheTask,
  serverCreateTask,
  serverDeleteTask,
  serverPowerTask,
  serverRebuildTask,
  serverSnapshotTask,
  serverNicAttachTask,
  serverNicDetachTask,
];
