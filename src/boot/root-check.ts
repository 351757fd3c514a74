import { UserError } from './command.ts';

export function rootCheck(): void {
  if (process.getuid?.() === 0) return;
  throw new UserError(
    'this needs root, because it makes network interfaces and starts guests; try it with sudo',
  );
}
