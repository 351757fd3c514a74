/** For good: a process without capabilities cannot take another account again. */
export function privilegesDrop(uid: number): void {
  process.setgroups?.([]);
  process.setgid?.(uid);
  process.setuid?.(uid);
}
