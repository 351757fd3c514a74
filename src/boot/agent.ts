import { agentRun as run } from '../agent/main.ts';
import { controlUid, guestUid } from './layout.ts';
import type { RoleOptions } from './role.ts';

/** The agent of this machine, on a unix socket that control alone may open. */
export async function agentRun({
  configuration,
  layout,
  log,
  signal,
  ready,
}: RoleOptions): Promise<void> {
  const { accel, tbSizeMib } = configuration.hypervisor;
  await run({
    stateDir: layout.agentDir,
    listen: { socketPath: layout.agentSocket, gid: controlUid },
    cloudId: layout.cloudId,
    guestUid,
    guestGid: guestUid,
    accel,
    tbSizeMib,
    resolvers: configuration.dnsServers,
    log,
    signal,
    ready,
  });
}
