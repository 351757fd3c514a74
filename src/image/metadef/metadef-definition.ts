import { UniqueViolation } from '../../kernel/db.ts';
import { conflict, notFound, type Failure } from '../../kernel/errors.ts';
import { imageAuthorize } from '../image-access.ts';
import type { ImageContext } from '../image.world.ts';
import { namespaceSee, namespaceSeeToRemove, ownTarget, targetOf } from './metadef-access.ts';
import { definitionsAdd, pageOf } from './metadef-namespace.ts';
import type { Definition, DefinitionKind, DefinitionNew, ResourceType } from './metadef.model.ts';
import {
  definitionRemove,
  definitionRemoveAll,
  definitionSelect,
  definitionSelectAll,
  definitionUpdate,
  resourceTypeSelectAll,
} from './metadef.store.ts';
import { prefixOf } from './metadef.view.ts';

/** How the four kinds differ: their rules and what they are called. */
export const kinds = {
  object: {
    noun: 'object',
    list: 'get_metadef_objects',
    show: 'get_metadef_object',
    add: 'add_metadef_object',
    change: 'modify_metadef_object',
    remove: 'delete_metadef_object',
  },
  property: {
    noun: 'property',
    list: 'get_metadef_properties',
    show: 'get_metadef_property',
    add: 'add_metadef_property',
    change: 'modify_metadef_property',
    remove: 'remove_metadef_property',
  },
  tag: {
    noun: 'tag',
    list: 'get_metadef_tags',
    show: 'get_metadef_tag',
    add: 'add_metadef_tag',
    change: 'modify_metadef_tag',
    remove: 'delete_metadef_tag',
  },
  resource_type: {
    noun: 'resource-type association',
    list: 'list_metadef_resource_types',
    show: 'get_metadef_resource_type',
    add: 'add_metadef_resource_type_association',
    change: 'add_metadef_resource_type_association',
    remove: 'remove_metadef_resource_type_association',
  },
} as const;

/** A definition by the namespace it is in, its kind and its name. */
export interface Place {
  readonly namespace: string;
  readonly kind: DefinitionKind;
  readonly name: string;
}

const unknown = ({ namespace, kind, name }: Place): Failure =>
  notFound(
    `The metadata definition ${kinds[kind].noun} with name=${name} was not found in namespace=${namespace}.`,
  );

export interface DefinitionPage {
  readonly marker: string | null;
  readonly limit: number;
  readonly sortKey: 'name' | 'createdAt' | 'updatedAt';
  readonly direction: 'asc' | 'desc';
}

/** Null: all of them, by name. */
export async function definitionList(
  context: ImageContext,
  { namespace: name, kind }: Pick<Place, 'namespace' | 'kind'>,
  page: DefinitionPage | null,
): Promise<Definition[]> {
  return context.world.db.read(async (tx) => {
    const namespace = await namespaceSee(context, tx, name, kinds[kind].list);
    const all = (await definitionSelectAll(tx, [namespace.id], kind)).get(namespace.id) ?? [];
    return page === null ? all : pageOf(sorted(all, page), (one) => one.name, page);
  });
}

function sorted(
  all: readonly Definition[],
  { sortKey, direction }: DefinitionPage,
): readonly Definition[] {
  const sign = direction === 'asc' ? 1 : -1;
  const later = (a: string | number, b: string | number): number => Number(a > b) - Number(a < b);
  // Those that came in one request have one time: they stay in the order of their names.
  return all.toSorted((a, b) => sign * later(a[sortKey], b[sortKey]) || later(a.name, b.name));
}

/** `resourceType`: the name as it is on that type, with its prefix. */
export async function definitionShow(
  context: ImageContext,
  place: Place,
  resourceType: string | null = null,
): Promise<Definition> {
  return context.world.db.read(async (tx) => {
    const { kind } = place;
    const namespace = await namespaceSee(context, tx, place.namespace, kinds[kind].show);
    let { name } = place;
    if (resourceType !== null) {
      imageAuthorize(context, 'get_metadef_resource_type', targetOf(namespace));
      const type = await definitionSelect(tx, namespace.id, 'resource_type', resourceType);
      if (type === null) throw unknown({ ...place, kind: 'resource_type', name: resourceType });
      name = prefixRemove(name, prefixOf(type));
    }
    const found = await definitionSelect(tx, namespace.id, kind, name);
    if (found === null) throw unknown(place);
    return found;
  });
}

function prefixRemove(name: string, prefix: string): string {
  if (prefix !== '' && name.startsWith(prefix)) return name.slice(prefix.length);
  throw notFound(
    `Property ${name} does not start with the expected resource type association prefix of '${prefix}'.`,
  );
}

export async function definitionAdd(
  context: ImageContext,
  namespaceName: string,
  wanted: DefinitionNew,
): Promise<Definition> {
  const now = context.clock.now();
  const place = { ...wanted, namespace: namespaceName };
  return definitionNamed(place, () =>
    context.world.db.write(async (tx) => {
      const namespace = await namespaceSee(context, tx, namespaceName, kinds[wanted.kind].add);
      await definitionsAdd(tx, namespace, [wanted], now);
      return { ...wanted, createdAt: now, updatedAt: now };
    }),
  );
}

/** Replaces the tags of a namespace, or adds to them. */
export async function tagsAdd(
  context: ImageContext,
  namespaceName: string,
  names: readonly string[],
  isAppended: boolean,
): Promise<void> {
  const now = context.clock.now();
  const tags = names.map((name): DefinitionNew => ({ kind: 'tag', name, value: {} }));
  const place = { namespace: namespaceName, kind: 'tag', name: names.join(', ') } as const;
  await definitionNamed(place, () =>
    context.world.db.write(async (tx) => {
      const namespace = await namespaceSee(context, tx, namespaceName, 'add_metadef_tags');
      if (!isAppended) await definitionRemoveAll(tx, namespace.id, 'tag');
      await definitionsAdd(tx, namespace, tags, now);
    }),
  );
}

export async function definitionChange(
  context: ImageContext,
  place: Place,
  { name, value }: Pick<Definition, 'name' | 'value'>,
): Promise<Definition> {
  const now = context.clock.now();
  return definitionNamed({ ...place, name }, () =>
    context.world.db.write(async (tx) => {
      const rule = kinds[place.kind].change;
      const namespace = await namespaceSee(context, tx, place.namespace, rule);
      const before = await definitionSelect(tx, namespace.id, place.kind, place.name);
      if (before === null) throw unknown(place);
      await definitionUpdate(tx, namespace.id, place, { name, value, updatedAt: now });
      return { ...before, name, value, updatedAt: now };
    }),
  );
}

export async function definitionDelete(context: ImageContext, place: Place): Promise<void> {
  const { kind, name } = place;
  await context.world.db.write(async (tx) => {
    const namespace = await namespaceSeeToRemove(context, tx, place.namespace, {
      rules: [kinds[kind].remove],
      what: `${kinds[kind].noun} ${name}`,
    });
    if (!(await definitionRemove(tx, namespace.id, kind, name))) throw unknown(place);
  });
}

/** All of one kind. Glance asks here whether the namespace itself may go. */
export async function definitionDeleteAll(
  context: ImageContext,
  name: string,
  kind: DefinitionKind,
): Promise<void> {
  const rules = ['delete_metadef_namespace', ...(kind === 'tag' ? ['delete_metadef_tags'] : [])];
  await context.world.db.write(async (tx) => {
    const what = `namespace ${name}`;
    const namespace = await namespaceSeeToRemove(context, tx, name, { rules, what });
    await definitionRemoveAll(tx, namespace.id, kind);
  });
}

async function definitionNamed<T>(place: Place, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof UniqueViolation)) throw error;
    throw conflict(
      `A metadata definition ${kinds[place.kind].noun} with name=${place.name} already exists in namespace=${place.namespace}.`,
      { cause: error },
    );
  }
}

export async function resourceTypeList(context: ImageContext): Promise<ResourceType[]> {
  imageAuthorize(context, 'list_metadef_resource_types', ownTarget(context));
  return context.world.db.read(resourceTypeSelectAll);
}
