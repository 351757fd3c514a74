import type { Context } from '../kernel/context.ts';
import type { ComputeWorld } from './compute.world.ts';
import { actStart, type Act, type ServerEdit } from './server-act.ts';
import type { PowerInput, PowerState } from './server-power.task.ts';
import { powerState, type ServerRow } from './server.model.ts';

type PowerName =
  | 'start'
  | 'stop'
  | 'softReboot'
  | 'hardReboot'
  | 'pause'
  | 'unpause'
  | 'suspend'
  | 'resume';

interface Power extends Act {
  readonly edit: (server: ServerRow, graceMs: number) => ServerEdit;
  readonly after: PowerState;
  /** What the server is left as when the agent cannot. */
  readonly failed: PowerState;
}

const running: PowerState = { vmState: 'active', power: powerState.running, run: 'running' };
const stopped: PowerState = { vmState: 'stopped', power: powerState.shutDown, run: 'stopped' };
const paused: PowerState = { vmState: 'paused', power: powerState.paused, run: 'paused' };
const suspended: PowerState = {
  vmState: 'suspended',
  power: powerState.suspended,
  run: 'suspended',
};
const broken: PowerState = { ...stopped, vmState: 'error' };

const idle = { taskStates: [null], kind: 'server-power', needsHost: false } as const;
const servers = 'os_compute_api:servers';

const powers: Readonly<Record<PowerName, Power>> = {
  start: {
    ...idle,
    rule: `${servers}:start`,
    word: 'start',
    action: 'start',
    event: 'compute_start_instance',
    needsHost: true,
    vmStates: ['stopped'],
    taskState: 'powering-on',
    edit: ({ incarnation }) => ({ run_state: 'running', incarnation: incarnation + 1 }),
    after: running,
    failed: stopped,
  },
  stop: {
    ...idle,
    rule: `${servers}:stop`,
    word: 'stop',
    action: 'stop',
    event: 'compute_stop_instance',
    needsHost: true,
    vmStates: ['active', 'error'],
    taskState: 'powering-off',
    edit: (_, graceMs) => ({ run_state: 'stopped', grace_ms: graceMs, progress: 0 }),
    after: stopped,
    failed: running,
  },
  softReboot: {
    ...idle,
    rule: `${servers}:reboot`,
    word: 'reboot',
    action: 'reboot',
    event: 'compute_reboot_instance',
    vmStates: ['active'],
    taskState: 'rebooting',
    edit: ({ incarnation }, graceMs) => ({
      run_state: 'running',
      incarnation: incarnation + 1,
      grace_ms: graceMs,
    }),
    after: running,
    failed: broken,
  },
  hardReboot: {
    ...idle,
    rule: `${servers}:reboot`,
    word: 'reboot',
    action: 'reboot',
    event: 'compute_reboot_instance',
    vmStates: ['active', 'stopped', 'paused', 'suspended', 'error'],
    // What hangs is what a hard reboot is for.
    taskStates: [
      ...[null, 'rebooting', 'reboot_pending', 'reboot_started', 'rebooting_hard'],
      ...['resuming', 'unpausing', 'pausing', 'suspending'],
    ],
    cancelsOthers: true,
    taskState: 'rebooting_hard',
    edit: ({ incarnation }) => ({
      run_state: 'running',
      incarnation: incarnation + 1,
      grace_ms: 0,
    }),
    after: running,
    failed: broken,
  },
  pause: {
    ...idle,
    rule: 'os_compute_api:os-pause-server:pause',
    word: 'pause',
    action: 'pause',
    event: 'compute_pause_instance',
    vmStates: ['active'],
    taskState: 'pausing',
    edit: () => ({ run_state: 'paused' }),
    after: paused,
    failed: running,
  },
  unpause: {
    ...idle,
    rule: 'os_compute_api:os-pause-server:unpause',
    word: 'unpause',
    action: 'unpause',
    event: 'compute_unpause_instance',
    vmStates: ['paused'],
    taskState: 'unpausing',
    edit: () => ({ run_state: 'running' }),
    after: running,
    failed: paused,
  },
  suspend: {
    ...idle,
    rule: 'os_compute_api:os-suspend-server:suspend',
    word: 'suspend',
    action: 'suspend',
    event: 'compute_suspend_instance',
    vmStates: ['active'],
    taskState: 'suspending',
    edit: () => ({ run_state: 'suspended' }),
    after: suspended,
    failed: running,
  },
  resume: {
    ...idle,
    rule: 'os_compute_api:os-suspend-server:resume',
    word: 'resume',
    action: 'resume',
    event: 'compute_resume_instance',
    vmStates: ['suspended'],
    taskState: 'resuming',
    edit: () => ({ run_state: 'running' }),
    after: running,
    failed: suspended,
  },
};

export async function serverPower(
  context: Context<ComputeWorld>,
  id: string,
  name: PowerName,
): Promise<void> {
  const { shutdownGraceMs } = context.world.settings;
  const power = powers[name];
  const { edit, after, failed, ...act } = power;
  await actStart(context, id, act, (server) => ({
    edit: { ...edit(server, shutdownGraceMs), generation: 'next' },
    input: { after, failed } satisfies Pick<PowerInput, 'after' | 'failed'>,
  }));
}
