import { UniqueViolation, type Tx } from '../../kernel/db.ts';
import { conflict, forbidden, notFound } from '../../kernel/errors.ts';
import { imageAuthorize, projectOf } from '../image-access.ts';
import type { ImageTables } from '../image.tables.ts';
import type { ImageContext } from '../image.world.ts';
import {
  namespaceIsVisible,
  namespaceSee,
  namespaceSeeToRemove,
  ownTarget,
  targetOf,
} from './metadef-access.ts';
import type {
  Definition,
  DefinitionKind,
  DefinitionNew,
  Namespace,
  NamespaceEdit,
} from './metadef.model.ts';
import {
  definitionInsertAll,
  definitionSelectAll,
  namespaceInsert,
  namespaceRemove,
  namespaceSelect,
  namespaceSelectAll,
  namespaceUpdate,
  resourceTypeEnsure,
} from './metadef.store.ts';

export interface NamespaceShown {
  readonly namespace: Namespace;
  readonly definitions: readonly Definition[];
}

export interface NamespaceQuery {
  readonly visibility: Namespace['visibility'] | null;
  /** Null: of all; else only namespaces for one of these. */
  readonly resourceTypes: readonly string[] | null;
  readonly sortKey: 'name' | 'createdAt' | 'updatedAt';
  readonly direction: 'asc' | 'desc';
  readonly marker: string | null;
  readonly limit: number;
}

const addRules: Readonly<Record<DefinitionKind, string>> = {
  resource_type: 'add_metadef_resource_type_association',
  object: 'add_metadef_object',
  property: 'add_metadef_property',
  tag: 'add_metadef_tag',
};

export async function namespaceCreate(
  context: ImageContext,
  wanted: Omit<NamespaceEdit, 'owner'> & { readonly owner: string | null },
  definitions: readonly DefinitionNew[],
): Promise<NamespaceShown> {
  const owner = wanted.owner ?? projectOf(context.actor);
  const target = { project_id: owner, owner, visibility: wanted.visibility };
  imageAuthorize(context, 'add_metadef_namespace', target);
  for (const kind of new Set(definitions.map((one) => one.kind))) {
    imageAuthorize(context, addRules[kind], target);
  }
  const now = context.clock.now();
  const times = { createdAt: now, updatedAt: now };
  const namespace: Namespace = { ...wanted, owner, id: context.ids.uuid(), ...times };
  await namespaceNamed(namespace.name, () =>
    context.world.db.write(async (tx) => {
      await namespaceInsert(tx, namespace);
      await definitionsAdd(tx, namespace, definitions, now);
    }),
  );
  return { namespace, definitions: definitions.map((one) => ({ ...one, ...times })) };
}

/** Types that a namespace is meant for are known from then on. */
export async function definitionsAdd(
  tx: Tx<ImageTables>,
  { id }: Namespace,
  definitions: readonly DefinitionNew[],
  now: number,
): Promise<void> {
  const types = definitions.filter(({ kind }) => kind === 'resource_type');
  await resourceTypeEnsure(tx, [...new Set(types.map(({ name }) => name))], false, now);
  await definitionInsertAll(tx, id, definitions, now);
}

async function namespaceNamed<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof UniqueViolation)) throw error;
    throw conflict(`The metadata definition namespace=${name} already exists.`, { cause: error });
  }
}

export async function namespaceList(
  context: ImageContext,
  query: NamespaceQuery,
): Promise<NamespaceShown[]> {
  imageAuthorize(context, 'get_metadef_namespaces', ownTarget(context));
  return context.world.db.read(async (tx) => {
    const all = await namespaceSelectAll(tx);
    const types = await definitionSelectAll(
      tx,
      all.map(({ id }) => id),
      'resource_type',
    );
    const shown = all
      .map((namespace) => ({ namespace, definitions: types.get(namespace.id) ?? [] }))
      .filter(
        ({ namespace, definitions }) =>
          namespaceIsVisible(context, namespace) &&
          context.allows('get_metadef_namespace', targetOf(namespace)) &&
          (query.visibility === null || query.visibility === namespace.visibility) &&
          (query.resourceTypes === null ||
            definitions.some(({ name }) => query.resourceTypes?.includes(name))),
      )
      .toSorted((a, b) => namespaceCompare(a.namespace, b.namespace, query));
    return pageOf(shown, ({ namespace }) => namespace.name, query);
  });
}

/** Names break ties, so that pages neither overlap nor skip. */
function namespaceCompare(
  a: Namespace,
  b: Namespace,
  { sortKey, direction }: Pick<NamespaceQuery, 'sortKey' | 'direction'>,
): number {
  const [x, y] = [a[sortKey], b[sortKey]];
  const order = x === y ? (a.name < b.name ? -1 : 1) : x < y ? -1 : 1;
  return direction === 'asc' ? order : -order;
}

export function pageOf<T>(
  all: readonly T[],
  nameOf: (one: T) => string,
  { marker, limit }: { readonly marker: string | null; readonly limit: number },
): T[] {
  const at = marker === null ? -1 : all.findIndex((one) => nameOf(one) === marker);
  if (marker !== null && at === -1) throw notFound(`No metadata definition is named ${marker}.`);
  return all.slice(at + 1, at + 1 + limit);
}

export async function namespaceShow(context: ImageContext, name: string): Promise<NamespaceShown> {
  return context.world.db.read(async (tx) => {
    const namespace = await namespaceSelect(tx, name);
    const isShown =
      namespace !== null &&
      namespaceIsVisible(context, namespace) &&
      context.allows('get_metadef_namespace', targetOf(namespace));
    if (!isShown) {
      throw notFound(`Metadata definition namespace=${name} was not found.`);
    }
    const definitions = (await definitionSelectAll(tx, [namespace.id])).get(namespace.id) ?? [];
    return { namespace, definitions };
  });
}

export async function namespaceChange(
  context: ImageContext,
  name: string,
  edit: Omit<NamespaceEdit, 'owner'> & { readonly owner: string | null },
): Promise<Namespace> {
  const now = context.clock.now();
  const owner = edit.owner ?? projectOf(context.actor);
  return namespaceNamed(edit.name, () =>
    context.world.db.write(async (tx) => {
      const before = await namespaceSee(context, tx, name, 'modify_metadef_namespace');
      await namespaceUpdate(tx, before.id, { ...edit, owner }, now);
      return { ...before, ...edit, owner, updatedAt: now };
    }),
  );
}

export async function namespaceDelete(context: ImageContext, name: string): Promise<void> {
  await context.world.db.write(async (tx) => {
    const namespace = await namespaceSeeToRemove(context, tx, name, {
      rules: ['delete_metadef_namespace'],
      what: `namespace ${name}`,
    });
    await namespaceRemove(tx, namespace.id);
  });
}

/** Names of attributes that no client may write. */
export function readOnlyRefuse(body: Readonly<Record<string, unknown>>): void {
  for (const name of ['self', 'schema', 'created_at', 'updated_at']) {
    if (Object.hasOwn(body, name)) throw forbidden(`Attribute '${name}' is read-only.`);
  }
}
