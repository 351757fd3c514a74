import type { SnapshotActual } from '../agent/api.ts';
import type { SnapshotNew } from '../image/port.ts';
import { Failure } from '../kernel/errors.ts';
import type { Act, Step, TaskKind } from '../kernel/task.ts';
import { actFailed, isOvertaken } from './act-end.ts';
import { actionEnd } from './action.store.ts';
import type { ComputeWorld } from './compute.world.ts';
import type { ActInput } from './server-act.ts';
import { HostRefusal, refusing } from './host-refusal.ts';
import type { Backup } from './server-snapshot.ts';
import { hostOf, reportWait, serverNow } from './server-apply.ts';
import { serverFind, serverUpdate } from './server.store.ts';

export interface SnapshotInput extends ActInput {
  readonly image: SnapshotNew;
  readonly snapshotId: string;
  readonly backup?: Backup;
}
type SnapshotAct = Act<ComputeWorld, SnapshotInput>;
type SnapshotStep = Step<ComputeWorld, SnapshotInput>;

const snapshotting = [
  ...['image_snapshot_pending', 'image_backup', 'image_pending_upload', 'image_uploading'],
];

async function taskStateSet({ world, input, clock }: SnapshotAct, to: string): Promise<void> {
  const server = await world.cell.write((tx) =>
    serverUpdate(
      tx,
      input.serverId,
      { taskStates: snapshotting },
      { task_state: to, updated_at: clock.now() },
    ),
  );
  if (server === null) throw new Failure('conflict', 'The snapshot is no longer wanted.');
}

const image: SnapshotStep = {
  name: 'image',
  async run({ world, input }) {
    await world.images.imageCreate(input.image);
  },
  async undo({ world, input }) {
    await world.images.imageFail(input.image.id);
  },
};

/** A copy of the disk as it is at one moment, made by the agent beside it. */
const copy: SnapshotStep = {
  name: 'copy',
  async run(act) {
    const { world, input } = act;
    const { serverId, snapshotId } = input;
    await taskStateSet(act, 'image_pending_upload');
    const host = hostOf(world, (await serverNow(act)).host);
    const { agent } = host;
    const isDone = (seen: SnapshotActual | null): seen is SnapshotActual =>
      seen !== null && seen.state !== 'running';
    const begun = await refusing(agent.snapshotPut(snapshotId, { serverId, diskId: 'root' }));
    const ended = isDone(begun)
      ? begun
      : await reportWait(act, host, {
          isAbout: (change) => change.kind === 'snapshot' && change.id === snapshotId,
          seen: () => world.mirror.host(host.name)?.snapshots.get(snapshotId) ?? null,
          ask: () => agent.snapshotGet(snapshotId),
          isDone,
        });
    if (ended.state === 'failed') {
      throw new HostRefusal(ended.error ?? { code: 'internal', message: 'the copy failed' });
    }
  },
  undo: copyRemove,
};

async function copyRemove({ world, input }: SnapshotAct): Promise<void> {
  const server = await world.cell.read((tx) => serverFind(tx, input.serverId));
  if (server === null || server.host === null) return;
  await world.hosts.get(server.host)?.agent.snapshotDelete(input.snapshotId);
}

const upload: SnapshotStep = {
  name: 'upload',
  async run(act) {
    const { world, input } = act;
    await taskStateSet(act, 'image_uploading');
    const { agent } = hostOf(world, (await serverNow(act)).host);
    await refusing(world.images.imageWrite(input.image.id, agent.snapshotRead(input.snapshotId)));
  },
};

const clean: SnapshotStep = { name: 'clean', run: copyRemove };

const rotate: SnapshotStep = {
  name: 'rotate',
  async run({ world, input }) {
    const { backup, image: made } = input;
    if (backup === undefined) return;
    const { image_type = '', backup_type = '', instance_uuid = '' } = made.properties;
    const properties = { image_type, backup_type, instance_uuid };
    await world.images.imagesRotate(made.ownerId, properties, backup.rotation);
  },
};

const done: SnapshotStep = {
  name: 'done',
  async run({ world, input, clock }) {
    const now = clock.now();
    await world.cell.write(async (tx) => {
      const server = await serverUpdate(
        tx,
        input.serverId,
        { taskStates: snapshotting },
        { task_state: null, updated_at: now },
      );
      if (server !== null) await actionEnd(tx, input, { now, error: null, host: server.host });
    });
  },
};

export const serverSnapshotTask: TaskKind<ComputeWorld, SnapshotInput> = {
  kind: 'server-snapshot',
  steps: [image, copy, upload, clean, rotate, done],
  async failed(act, error) {
    const { world, input, clock } = act;
    await world.cell.write(async (tx) => {
      if (await isOvertaken(tx, input)) return;
      await serverUpdate(
        tx,
        input.serverId,
        { taskStates: snapshotting },
        { task_state: null, updated_at: clock.now() },
      );
    });
    await actFailed(act, error, () => ({}));
  },
};
