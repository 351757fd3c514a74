import type { Selectable } from 'kysely';
import { flag, type Tx } from '../../kernel/db.ts';
import type {
  ImageTables,
  MetadefDefinitionTable,
  MetadefNamespaceTable,
} from '../image.tables.ts';
import type {
  Definition,
  DefinitionKind,
  DefinitionNew,
  Namespace,
  NamespaceEdit,
  ResourceType,
} from './metadef.model.ts';

export async function namespaceInsert(tx: Tx<ImageTables>, namespace: Namespace): Promise<void> {
  await tx
    .insertInto('metadef_namespace')
    .values({
      id: namespace.id,
      ...columnsOf(namespace),
      created_at: namespace.createdAt,
      updated_at: namespace.updatedAt,
    })
    .execute();
}

export async function namespaceSelect(
  tx: Tx<ImageTables>,
  name: string,
): Promise<Namespace | null> {
  const row = await tx
    .selectFrom('metadef_namespace')
    .selectAll()
    .where('name', '=', name)
    .executeTakeFirst();
  return row === undefined ? null : namespaceOf(row);
}

export async function namespaceSelectAll(tx: Tx<ImageTables>): Promise<Namespace[]> {
  const rows = await tx.selectFrom('metadef_namespace').selectAll().execute();
  return rows.map(namespaceOf);
}

export async function namespaceUpdate(
  tx: Tx<ImageTables>,
  id: string,
  edit: NamespaceEdit,
  now: number,
): Promise<void> {
  await tx
    .updateTable('metadef_namespace')
    .set({ ...columnsOf(edit), updated_at: now })
    .where('id', '=', id)
    .execute();
}

export async function namespaceRemove(tx: Tx<ImageTables>, id: string): Promise<void> {
  await tx.deleteFrom('metadef_definition').where('namespace_id', '=', id).execute();
  await tx.deleteFrom('metadef_namespace').where('id', '=', id).execute();
}

export async function definitionInsertAll(
  tx: Tx<ImageTables>,
  namespaceId: string,
  definitions: readonly DefinitionNew[],
  now: number,
): Promise<void> {
  if (definitions.length === 0) return;
  await tx
    .insertInto('metadef_definition')
    .values(
      definitions.map(({ kind, name, value }) => ({
        namespace_id: namespaceId,
        kind,
        name,
        value: JSON.stringify(value),
        created_at: now,
        updated_at: now,
      })),
    )
    .execute();
}

export async function definitionSelect(
  tx: Tx<ImageTables>,
  namespaceId: string,
  kind: DefinitionKind,
  name: string,
): Promise<Definition | null> {
  const row = await tx
    .selectFrom('metadef_definition')
    .selectAll()
    .where('namespace_id', '=', namespaceId)
    .where('kind', '=', kind)
    .where('name', '=', name)
    .executeTakeFirst();
  return row === undefined ? null : definitionOf(row);
}

/** By namespace; all kinds when none is named. */
export async function definitionSelectAll(
  tx: Tx<ImageTables>,
  namespaceIds: readonly string[],
  kind: DefinitionKind | null = null,
): Promise<ReadonlyMap<string, Definition[]>> {
  if (namespaceIds.length === 0) return new Map();
  const all = tx
    .selectFrom('metadef_definition')
    .selectAll()
    .where('namespace_id', 'in', namespaceIds)
    .orderBy('name');
  const rows = await (kind === null ? all : all.where('kind', '=', kind)).execute();
  const grouped = Map.groupBy(rows, ({ namespace_id }) => namespace_id);
  return new Map([...grouped].map(([id, group]) => [id, group.map(definitionOf)]));
}

/** False: there is none of this name. */
export async function definitionUpdate(
  tx: Tx<ImageTables>,
  namespaceId: string,
  before: Pick<Definition, 'kind' | 'name'>,
  { name, value, updatedAt }: Pick<Definition, 'name' | 'value' | 'updatedAt'>,
): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('metadef_definition')
    .set({ name, value: JSON.stringify(value), updated_at: updatedAt })
    .where('namespace_id', '=', namespaceId)
    .where('kind', '=', before.kind)
    .where('name', '=', before.name)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

export async function definitionRemove(
  tx: Tx<ImageTables>,
  namespaceId: string,
  kind: DefinitionKind,
  name: string,
): Promise<boolean> {
  const { numDeletedRows } = await tx
    .deleteFrom('metadef_definition')
    .where('namespace_id', '=', namespaceId)
    .where('kind', '=', kind)
    .where('name', '=', name)
    .executeTakeFirst();
  return numDeletedRows > 0n;
}

export async function definitionRemoveAll(
  tx: Tx<ImageTables>,
  namespaceId: string,
  kind: DefinitionKind,
): Promise<void> {
  await tx
    .deleteFrom('metadef_definition')
    .where('namespace_id', '=', namespaceId)
    .where('kind', '=', kind)
    .execute();
}

export async function resourceTypeSelectAll(tx: Tx<ImageTables>): Promise<ResourceType[]> {
  const rows = await tx
    .selectFrom('metadef_resource_type')
    .selectAll()
    .orderBy('created_at')
    .orderBy('name')
    .execute();
  return rows.map(({ name, created_at, updated_at }) => ({
    name,
    createdAt: created_at,
    updatedAt: updated_at,
  }));
}

/** Keeps those that are known already. */
export async function resourceTypeEnsure(
  tx: Tx<ImageTables>,
  names: readonly string[],
  isProtected: boolean,
  now: number,
): Promise<void> {
  if (names.length === 0) return;
  const times = { created_at: now, updated_at: now };
  await tx
    .insertInto('metadef_resource_type')
    .values(names.map((name) => ({ name, protected: flag(isProtected), ...times })))
    .onConflict((c) => c.doNothing())
    .execute();
}

const columnsOf = (edit: NamespaceEdit) => ({
  name: edit.name,
  display_name: edit.displayName,
  description: edit.description,
  visibility: edit.visibility,
  protected: flag(edit.isProtected),
  owner: edit.owner,
});

const namespaceOf = (row: Selectable<MetadefNamespaceTable>): Namespace => ({
  id: row.id,
  name: row.name,
  displayName: row.display_name,
  description: row.description,
  visibility: row.visibility,
  isProtected: row.protected === 1,
  owner: row.owner,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
});

const definitionOf = (row: Selectable<MetadefDefinitionTable>): Definition => ({
  kind: row.kind,
  name: row.name,
  value: JSON.parse(row.value) as Definition['value'],
  createdAt: row.created_at,
  updatedAt: row.updated_at,
});
