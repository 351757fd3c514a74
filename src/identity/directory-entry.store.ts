import { createHash } from 'node:crypto';
import { flag } from '../kernel/db.ts';
import type { DirectoryEntryRow, Tx } from './identity.tables.ts';

export type EntryKind = DirectoryEntryRow['kind'];

/** The id that Keystone gives to the same thing, so that what is said of it elsewhere stays true. */
export const publicIdOf = (domainId: string, kind: EntryKind, localId: string): string =>
  createHash('sha256').update(domainId).update(kind).update(localId).digest('hex');

export async function entryGet(tx: Tx, publicId: string): Promise<DirectoryEntryRow | null> {
  const row = await tx
    .selectFrom('identity_directory_entry')
    .selectAll()
    .where('public_id', '=', publicId)
    .executeTakeFirst();
  return row ?? null;
}

export async function entryListByLocalIds(
  tx: Tx,
  { domainId, kind }: { readonly domainId: string; readonly kind: EntryKind },
  localIds: readonly string[],
): Promise<DirectoryEntryRow[]> {
  return await tx
    .selectFrom('identity_directory_entry')
    .selectAll()
    .where('domain_id', '=', domainId)
    .where('kind', '=', kind)
    .where('local_id', 'in', localIds)
    .execute();
}

/** Those of these ids that mirror something of a directory. */
export async function entryIds(tx: Tx, publicIds: readonly string[]): Promise<Set<string>> {
  if (publicIds.length === 0) return new Set();
  const rows = await tx
    .selectFrom('identity_directory_entry')
    .select('public_id')
    .where('public_id', 'in', publicIds)
    .execute();
  return new Set(rows.map(({ public_id }) => public_id));
}

export async function entryUpsert(
  tx: Tx,
  entry: Omit<DirectoryEntryRow, 'logged_in_at' | 'gone'>,
): Promise<void> {
  await tx
    .insertInto('identity_directory_entry')
    .values({ ...entry, logged_in_at: 0, gone: flag(false) })
    .onConflict((held) =>
      held.column('public_id').doUpdateSet({ seen_at: entry.seen_at, gone: flag(false) }),
    )
    .execute();
}

export async function entriesSeen(
  tx: Tx,
  publicIds: readonly string[],
  nowMs: number,
): Promise<void> {
  await tx
    .updateTable('identity_directory_entry')
    .set({ seen_at: nowMs })
    .where('public_id', 'in', publicIds)
    .execute();
}

export async function entryLoggedIn(tx: Tx, publicId: string, nowMs: number): Promise<void> {
  await tx
    .updateTable('identity_directory_entry')
    .set({ logged_in_at: nowMs })
    .where('public_id', '=', publicId)
    .execute();
}

/** Ids of what has gone now. */
export async function entriesGone(
  tx: Tx,
  which: { readonly domainId: string; readonly kind: EntryKind; readonly notSeenSinceMs: number },
): Promise<string[]> {
  const rows = await tx
    .updateTable('identity_directory_entry')
    .set({ gone: flag(true) })
    .where('domain_id', '=', which.domainId)
    .where('kind', '=', which.kind)
    .where('gone', '=', 0)
    .where('seen_at', '<', which.notSeenSinceMs)
    .returning('public_id')
    .execute();
  return rows.map(({ public_id }) => public_id);
}

export async function entryGone(tx: Tx, publicId: string): Promise<void> {
  await tx
    .updateTable('identity_directory_entry')
    .set({ gone: flag(true) })
    .where('public_id', '=', publicId)
    .execute();
}

/** Users whose tokens may still be in use and whom the directory was not asked about lately. */
export async function entriesDue(
  tx: Tx,
  which: {
    readonly domainId: string;
    readonly seenBeforeMs: number;
    readonly loggedInSinceMs: number;
    readonly limit: number;
  },
): Promise<DirectoryEntryRow[]> {
  return await tx
    .selectFrom('identity_directory_entry')
    .selectAll()
    .where('domain_id', '=', which.domainId)
    .where('kind', '=', 'user')
    .where('gone', '=', 0)
    .where('seen_at', '<', which.seenBeforeMs)
    .where('logged_in_at', '>=', which.loggedInSinceMs)
    .orderBy('seen_at')
    .limit(which.limit)
    .execute();
}
