import { Failure } from '../kernel/errors.ts';
import type { Ids } from '../kernel/ids.ts';
import type { CellTx } from './server.store.ts';

export interface Fault {
  readonly code: number;
  readonly message: string;
  readonly details: string;
}

/** What the API shows of a failure: its text where it is meant for users, else only that there was one. */
export function faultOf(error: unknown): Fault {
  const text = error instanceof Error ? error.message : String(error);
  const code = error instanceof Failure && error.kind === 'invalid' ? 400 : 500;
  return { code, message: text.slice(0, 255), details: text };
}

export async function faultInsert(
  tx: CellTx,
  ids: Ids,
  fault: Fault & {
    readonly serverId: string;
    readonly host: string | null;
    readonly now: number;
  },
): Promise<void> {
  await tx
    .insertInto('server_fault')
    .values({
      id: ids.uuid(),
      server_id: fault.serverId,
      code: fault.code,
      message: fault.message,
      details: fault.details,
      host: fault.host,
      created_at: fault.now,
    })
    .execute();
}
