import { controlUid } from '../layout.ts';
import { roleCommand } from '../role-command.ts';

export const controlCommand = roleCommand({
  name: 'control',
  uid: controlUid,
  umask: 0o077,
  load: async ({ databaseUrl }) => {
    if (databaseUrl === null) await import('../../engines/sqlite/engine.ts');
    else await import('../../engines/postgres/engine.ts');
    return (await import('../control.ts')).controlRun;
  },
  usage: `welkin control - serve the APIs of a cloud in this process (started by: welkin up)

  --state-dir DIR     where the cloud lives (default /var/lib/welkin)

example:
  welkin control --state-dir /srv/two    in the foreground, while the supervisor's own is stopped`,
});
