/** The agent of one host as a program: opens networks and servers, serves control, and leaves guests running. */
import { systemClock } from '../kernel/clock.ts';
import type { Log } from '../kernel/log.ts';
import { hostAgentOpen } from './host-agent.ts';
import { agentHttpServe, type ListenOn } from './http/server.ts';
import { hostNetworkOpen } from './network/linux.ts';

export interface AgentRunOptions {
  /** The agent's own: documents, disks, images, sockets of guests. Everybody may pass through it. */
  readonly stateDir: string;
  readonly listen: ListenOn;
  /** Four characters of 0-9a-z in the names of all it makes in the kernel. */
  readonly cloudId: string;
  /** Account of the guests' processes. */
  readonly guestUid: number;
  readonly guestGid: number;
  readonly accel: 'auto' | 'kvm' | 'tcg';
  readonly tbSizeMib: number;
  /** Answer guests' questions about names outside the cloud; empty: those of the host. */
  readonly resolvers: readonly string[];
  readonly log: Log;
  /** Aborted when it shall end. */
  readonly signal: AbortSignal;
  readonly ready: () => void;
}

export async function agentRun(options: AgentRunOptions): Promise<void> {
  const { stateDir, log, signal, guestUid, guestGid, accel, cloudId, resolvers } = options;
  const clock = systemClock;
  const agent = await hostAgentOpen({
    stateDir,
    guestUid,
    guestGid,
    accel,
    tbSizeMib: options.tbSizeMib,
    clock,
    log,
    networkOpen: (lookup) =>
      hostNetworkOpen({ cloud: cloudId, stateDir, guestUid, resolvers, clock, log, ...lookup }),
  });
  const http = await agentHttpServe(agent, options.listen, log);
  log.info('the agent serves', {
    listen: 'socketPath' in options.listen ? options.listen.socketPath : options.listen.port,
  });
  options.ready();
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
  await http.close();
  await agent.stop();
}
