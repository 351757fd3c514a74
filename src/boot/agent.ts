import { agentRun as hostAgentRun } from '../agent/main.ts';
import { controlUid, guestUid } from './layout.ts';
import type { RoleRun } from './role.ts';

/** The agent of this machine, spoken to by control over a socket that control's account may open. */
export const agentRun: RoleRun = ({ configuration, layout, log, signal, ready }) =>
  hostAgentRun({
    stateDir: layout.agentDir,
    listen: { socketPath: layout.agentSocket, gid: controlUid },
    cloudId: layout.cloudId,
    guestUid,
    guestGid: guestUid,
    accel: configuration.hypervisor.accel,
    tbSizeMib: configuration.hypervisor.tbSizeMib,
    log,
    signal,
    ready,
  });
