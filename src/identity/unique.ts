import { UniqueViolation } from '../kernel/db.ts';
import { conflict } from '../kernel/errors.ts';

/** Stores what a unique index may refuse: `what` could not be, and why, in Keystone's words. */
export async function uniqueStore(
  statement: { execute(): Promise<unknown> },
  what: string,
): Promise<void> {
  try {
    await statement.execute();
  } catch (error) {
    if (!(error instanceof UniqueViolation)) throw error;
    throw conflict(`Conflict occurred attempting to store ${what}.`, { cause: error });
  }
}
