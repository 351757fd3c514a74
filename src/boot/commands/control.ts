import { enginesLoad } from '../control-parts.ts';
import { controlUid } from '../layout.ts';
import { roleCommand } from '../role-command.ts';

export const controlCommand = roleCommand({
  name: 'control',
  uid: controlUid,
  umask: 0o077,
  load: async (configuration) => {
    const enginesOpen = await enginesLoad(configuration);
    const { controlRun } = await import('../control.ts');
    return (options) => controlRun({ ...options, enginesOpen });
  },
  usage: `welkin control - serve the APIs of a cloud in this process (started by: welkin up)

  --state-dir DIR     where the cloud lives (default /var/lib/welkin)

example:
  welkin control --state-dir /srv/two    in the foreground, while the supervisor's own is stopped`,
});
