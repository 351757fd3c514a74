import { roleCommand } from '../role-command.ts';
import type { RoleRun } from '../role.ts';

export const agentCommand = roleCommand({
  name: 'agent',
  uid: null,
  umask: 0o022,
  load: async () => {
    const path: string = '../agent.ts';
    return ((await import(path)) as { agentRun: RoleRun }).agentRun;
  },
  usage: `welkin agent - run the agent of this host in this process (started by: welkin up)

  --state-dir DIR     where the cloud lives (default /var/lib/welkin)

example:
  welkin agent --state-dir /srv/two    in the foreground, while the supervisor's own is stopped`,
});
