import { statSync } from 'node:fs';

/** Root would leave files behind that the store cannot open. */
export function ownerBecome(dataDir: string): void {
  const { uid, gid } = statSync(dataDir);
  if (process.getuid?.() !== 0 || uid === 0) return;
  process.setgroups?.([]);
  process.setgid?.(gid);
  process.setuid?.(uid);
}
