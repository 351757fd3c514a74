import { groupIdsOf } from './membership.store.ts';
import type { ExpressionBuilder } from 'kysely';
import { flag } from '../kernel/db.ts';
import type { Assignment, Holder, RoleTarget } from './assignment.model.ts';
import type { AssignmentRow, IdentityTables, Tx } from './identity.tables.ts';

const assignmentOf = (row: AssignmentRow): Assignment => ({
  actorKind: row.actor_kind,
  actorId: row.actor_id,
  targetKind: row.target_kind,
  targetId: row.target_id,
  roleId: row.role_id,
  isInherited: row.inherited === 1,
});

const rowOf = (assignment: Assignment): AssignmentRow => ({
  actor_kind: assignment.actorKind,
  actor_id: assignment.actorId,
  target_kind: assignment.targetKind,
  target_id: assignment.targetId,
  role_id: assignment.roleId,
  inherited: flag(assignment.isInherited),
});

/** Given twice is given once. */
export async function assignmentInsert(tx: Tx, assignment: Assignment): Promise<void> {
  await tx
    .insertInto('identity_assignment')
    .values(rowOf(assignment))
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

/** False: there was none. */
export async function assignmentRemove(tx: Tx, assignment: Assignment): Promise<boolean> {
  let query = tx.deleteFrom('identity_assignment');
  for (const [column, value] of Object.entries(rowOf(assignment))) {
    query = query.where(column as keyof AssignmentRow, '=', value);
  }
  const { numDeletedRows } = await query.executeTakeFirst();
  return numDeletedRows > 0n;
}

export async function assignmentList(
  tx: Tx,
  filter: { readonly [Key in keyof AssignmentRow]?: AssignmentRow[Key] | undefined } = {},
): Promise<Assignment[]> {
  let query = tx.selectFrom('identity_assignment').selectAll();
  for (const [column, value] of Object.entries(filter)) {
    if (value !== undefined) query = query.where(column as keyof AssignmentRow, '=', value);
  }
  const rows = await query.execute();
  return rows.map(assignmentOf);
}

type Row = ExpressionBuilder<IdentityTables, 'identity_assignment'>;

/** Given to the user, or to a group the user is in. */
const heldBy =
  (tx: Tx, { userId, nowMs, groupIds = [] }: Holder) =>
  (eb: Row) =>
    eb.or([
      eb.and([eb('actor_kind', '=', 'user'), eb('actor_id', '=', userId)]),
      eb.and([
        eb('actor_kind', '=', 'group'),
        eb.or([
          eb('actor_id', 'in', groupIdsOf(tx, { userId, nowMs })),
          ...(groupIds.length === 0 ? [] : [eb('actor_id', 'in', groupIds)]),
        ]),
      ]),
    ]);

/** Ids of the roles a user holds on a target, by whatever way but implication. */
export async function assignmentRoleIds(
  tx: Tx,
  holder: Holder,
  { kind, id, ancestorIds }: RoleTarget,
): Promise<string[]> {
  const rows = await tx
    .selectFrom('identity_assignment')
    .select('role_id')
    .distinct()
    .where(heldBy(tx, holder))
    .where((eb) =>
      eb.or([
        eb.and([eb('target_kind', '=', kind), eb('target_id', '=', id), eb('inherited', '=', 0)]),
        ...(ancestorIds.length === 0
          ? []
          : [eb.and([eb('target_id', 'in', ancestorIds), eb('inherited', '=', 1)])]),
      ]),
    )
    .execute();
  return rows.map(({ role_id }) => role_id);
}

/** Everything a user was given anywhere, alone or by group. */
export async function assignmentListOfUser(tx: Tx, holder: Holder): Promise<Assignment[]> {
  const rows = await tx
    .selectFrom('identity_assignment')
    .selectAll()
    .where(heldBy(tx, holder))
    .execute();
  return rows.map(assignmentOf);
}
