import { createWriteStream } from 'node:fs';
import type { AuditSink } from '../kernel/audit.ts';
import type { Log } from '../kernel/log.ts';

/** CADF events, one JSON object a line, only ever appended to. */
export function auditFileOpen(path: string, log: Log): AuditSink & { close(): Promise<void> } {
  const file = createWriteStream(path, { flags: 'a', mode: 0o600 });
  file.on('error', (error) =>
    log.error('audit events cannot be written', { error: error.message }),
  );
  return {
    write: (event) => void file.write(`${JSON.stringify(event)}\n`),
    close: () => new Promise((resolve) => file.end(() => resolve())),
  };
}
