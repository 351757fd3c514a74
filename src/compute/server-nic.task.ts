import { flag } from '../kernel/db.ts';
import type { Act, Step, TaskKind } from '../kernel/task.ts';
import { actionEnd } from './action.store.ts';
import { actFailed } from './act-end.ts';
import type { ServerNicTable } from './compute.tables.ts';
import type { ComputeWorld } from './compute.world.ts';
import { refusing } from './host-refusal.ts';
import type { ActInput } from './server-act.ts';
import { serverApply, serverNow } from './server-apply.ts';
import { portOwner } from './server-create.task.ts';
import { serverUpdate } from './server.store.ts';

export interface NicInput extends ActInput {
  readonly nic: {
    readonly portId: string;
    readonly isNew: boolean;
    readonly networkId: string;
    readonly fixedAddress: string | null;
    readonly tag: string | null;
  };
}
interface DetachInput extends NicInput {
  readonly row: ServerNicTable;
}
type NicAct = Act<ComputeWorld, NicInput>;

const port: Step<ComputeWorld, NicInput> = {
  name: 'port',
  async run(act) {
    const { world, input } = act;
    const owner = await portOwner(world, await serverNow(act));
    const { portId, isNew, networkId, fixedAddress } = input.nic;
    const made = { ...owner, id: portId, networkId, fixedAddress, securityGroupIds: [] };
    const { mac, mtu } = isNew
      ? await world.network.portCreate(made)
      : await world.network.portAttach(portId, owner);
    await world.cell.write(async (tx) => {
      await tx.updateTable('server_nic').set({ mac, mtu }).where('port_id', '=', portId).execute();
    });
  },
  async undo({ world, input: { serverId, nic } }) {
    await world.network.portDetach(serverId, nic.portId);
    await world.cell.write(async (tx) => {
      await tx.deleteFrom('server_nic').where('port_id', '=', nic.portId).execute();
    });
  },
};

/** The agent plugs what the document names, and unplugs what it no longer names. */
const plug: Step<ComputeWorld, NicInput> = {
  name: 'plug',
  async run(act) {
    const { world, input, signal } = act;
    const { host } = await serverNow(act);
    if (host !== null) {
      await refusing(world.network.hostPrepare(host, [input.nic.networkId], signal));
    }
    await documentRaise(act);
    await serverApply(act);
  },
  async undo(act) {
    await nicRemove(act);
    await applyWhileThere(act);
  },
};

const attached: Step<ComputeWorld, NicInput> = { name: 'attached', run: ended };

const unplug: Step<ComputeWorld, DetachInput> = {
  name: 'unplug',
  async run(act) {
    await nicRemove(act);
    await applyWhileThere(act);
  },
  /** The guest did not let go of it: it keeps it. */
  async undo(act) {
    const { world, input } = act;
    const ports = (await world.network.portsOf([input.serverId])).get(input.serverId) ?? [];
    if (!ports.some(({ id }) => id === input.nic.portId)) return;
    await world.cell.write(async (tx) => {
      await tx
        .insertInto('server_nic')
        .values(input.row)
        .onConflict((c) => c.column('port_id').doNothing())
        .execute();
      await serverUpdate(tx, input.serverId, {}, raised(act));
    });
  },
};

const release: Step<ComputeWorld, DetachInput> = {
  name: 'release',
  async run({ world, input: { serverId, nic } }) {
    await world.network.portDetach(serverId, nic.portId);
  },
};

const raised = ({ clock }: NicAct) => ({
  generation: 'next' as const,
  updated_at: clock.now(),
});

async function documentRaise(act: NicAct): Promise<void> {
  const { world, input } = act;
  await world.cell.write((tx) => serverUpdate(tx, input.serverId, {}, raised(act)));
}

async function nicRemove(act: NicAct): Promise<void> {
  const { world, input } = act;
  await world.cell.write(async (tx) => {
    await tx.deleteFrom('server_nic').where('port_id', '=', input.nic.portId).execute();
    await serverUpdate(tx, input.serverId, {}, raised(act));
  });
}

async function applyWhileThere(act: NicAct): Promise<void> {
  const { world, input } = act;
  const server = await world.cell.read((tx) =>
    tx
      .selectFrom('server')
      .select('host')
      .where('id', '=', input.serverId)
      .where('deleted', '=', flag(false))
      .executeTakeFirst(),
  );
  if (server?.host !== undefined && server.host !== null) await serverApply(act);
}

async function ended({ world, input, clock }: NicAct): Promise<void> {
  await world.cell.write((tx) =>
    actionEnd(tx, input, { now: clock.now(), error: null, host: null }),
  );
}

export const serverNicAttachTask: TaskKind<ComputeWorld, NicInput> = {
  kind: 'server-nic-attach',
  steps: [port, plug, attached],
  failed: (act, error) => actFailed(act, error, () => ({})),
};

export const serverNicDetachTask: TaskKind<ComputeWorld, DetachInput> = {
  kind: 'server-nic-detach',
  steps: [unplug, release, { name: 'detached', run: ended }],
  failed: (act, error) => actFailed(act, error, () => ({})),
};
