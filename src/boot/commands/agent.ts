import { roleCommand } from '../role-command.ts';

export const agentCommand = roleCommand({
  name: 'agent',
  uid: null,
  umask: 0o022,
  load: async () => (await import('../agent.ts')).agentRun,
  usage: `welkin agent - run the agent of this host in this process (started by: welkin up)

  --state-dir DIR     where the cloud lives (default /var/lib/welkin)

example:
  welkin agent --state-dir /srv/two    in the foreground, while the supervisor's own is stopped`,
});
