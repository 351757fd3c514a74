import { spawnSync } from 'node:child_process';

/** Tells systemd about a service of Type=notify; does nothing elsewhere. Node cannot write to its datagram socket. */
export function systemdNotify(state: string): void {
  if (process.env['NOTIFY_SOCKET'] === undefined) return;
  spawnSync('systemd-notify', [state], { stdio: 'ignore' });
}
