import type { Selectable } from 'kysely';
import type { Tx } from '../kernel/db.ts';
import type { ImageMemberTable, ImageTables } from './image.tables.ts';

export type Member = Selectable<ImageMemberTable>;

export async function memberInsert(tx: Tx<ImageTables>, member: Member): Promise<void> {
  await tx.insertInto('image_member').values(member).execute();
}

export async function memberSelect(
  tx: Tx<ImageTables>,
  imageId: string,
  memberId: string,
): Promise<Member | null> {
  const row = await tx
    .selectFrom('image_member')
    .selectAll()
    .where('image_id', '=', imageId)
    .where('member_id', '=', memberId)
    .executeTakeFirst();
  return row ?? null;
}

export async function memberSelectAll(tx: Tx<ImageTables>, imageId: string): Promise<Member[]> {
  return tx
    .selectFrom('image_member')
    .selectAll()
    .where('image_id', '=', imageId)
    .orderBy('created_at')
    .orderBy('member_id')
    .execute();
}

export async function memberStatusUpdate(
  tx: Tx<ImageTables>,
  { image_id, member_id }: Member,
  status: Member['status'],
  now: number,
): Promise<void> {
  await tx
    .updateTable('image_member')
    .set({ status, updated_at: now })
    .where('image_id', '=', image_id)
    .where('member_id', '=', member_id)
    .execute();
}

export async function memberRemove(
  tx: Tx<ImageTables>,
  { image_id, member_id }: Member,
): Promise<void> {
  await tx
    .deleteFrom('image_member')
    .where('image_id', '=', image_id)
    .where('member_id', '=', member_id)
    .execute();
}
