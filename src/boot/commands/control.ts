import { controlUid } from '../layout.ts';
import { roleCommand } from '../role-command.ts';
import type { RoleRun } from '../role.ts';

export const controlCommand = roleCommand({
  name: 'control',
  uid: controlUid,
  umask: 0o077,
  load: async () => {
    const path: string = '../control.ts';
    return ((await import(path)) as { controlRun: RoleRun }).controlRun;
  },
  usage: `welkin control - serve the APIs of a cloud in this process (started by: welkin up)

  --state-dir DIR     where the cloud lives (default /var/lib/welkin)

example:
  welkin control --state-dir /srv/two    in the foreground, while the supervisor's own is stopped`,
});
