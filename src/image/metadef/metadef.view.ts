import { isoSeconds } from '../../kernel/clock.ts';
import type { Definition, DefinitionNew, Namespace, ResourceType } from './metadef.model.ts';
import type { NamespaceShown } from './metadef-namespace.ts';
import type { NamespaceWanted } from './metadef.schema.ts';

const times = ({ createdAt, updatedAt }: Pick<Namespace, 'createdAt' | 'updatedAt'>) => ({
  created_at: isoSeconds(createdAt),
  updated_at: isoSeconds(updatedAt),
});

export const namespacePath = (name: string): string => `/v2/metadefs/namespaces/${name}`;

/** What the namespace holds stands in it only where there is any. `prefix`: how its properties are called elsewhere. */
export function namespaceView(
  { namespace, definitions }: NamespaceShown,
  prefix = '',
): Record<string, unknown> {
  const { name, displayName, description, owner } = namespace;
  const of = (kind: Definition['kind']) => definitions.filter((one) => one.kind === kind);
  const [types, properties] = [of('resource_type'), of('property')];
  const [objects, tags] = [of('object'), of('tag')];
  return {
    namespace: name,
    ...(displayName !== null && { display_name: displayName }),
    ...(description !== null && { description }),
    visibility: namespace.visibility,
    protected: namespace.isProtected,
    ...(owner !== null && { owner }),
    ...times(namespace),
    self: namespacePath(name),
    schema: '/v2/schemas/metadefs/namespace',
    ...(types.length > 0 && { resource_type_associations: types.map(associationView) }),
    ...(properties.length > 0 && { properties: propertiesView(properties, prefix) }),
    ...(objects.length > 0 && {
      objects: objects.map((object) => objectView(name, objectPrefixed(object, prefix))),
    }),
    ...(tags.length > 0 && { tags: tags.map((tag) => ({ name: tag.name })) }),
  };
}

function objectPrefixed(object: Definition, prefix: string): Definition {
  const { properties = {}, required = [] } = object.value as {
    properties?: Record<string, unknown>;
    required?: readonly string[];
  };
  return {
    ...object,
    value: {
      ...object.value,
      required: required.map((name) => prefix + name),
      properties: Object.fromEntries(
        Object.entries(properties).map(([name, value]) => [prefix + name, value]),
      ),
    },
  };
}

export const objectView = (namespace: string, object: Definition): Record<string, unknown> => ({
  name: object.name,
  required: [],
  properties: {},
  ...object.value,
  ...times(object),
  self: `${namespacePath(namespace)}/objects/${object.name}`,
  schema: '/v2/schemas/metadefs/object',
});

export const propertyView = ({ name, value }: Definition): Record<string, unknown> => ({
  name,
  ...value,
});

export const propertiesView = (
  properties: readonly Definition[],
  prefix = '',
): Record<string, unknown> =>
  Object.fromEntries(properties.map(({ name, value }) => [prefix + name, value]));

export const tagView = (tag: Definition): Record<string, unknown> => ({
  name: tag.name,
  ...times(tag),
});

export const associationView = (association: Definition): Record<string, unknown> => ({
  name: association.name,
  ...association.value,
  ...times(association),
});

export const resourceTypeView = (type: ResourceType): Record<string, unknown> => ({
  name: type.name,
  ...times(type),
});

/** What a new namespace brings along. */
export function definitionsOf(wanted: NamespaceWanted): DefinitionNew[] {
  const named = (kind: DefinitionNew['kind'], all: readonly { readonly name: string }[]) =>
    all.map(({ name, ...value }): DefinitionNew => ({ kind, name, value }));
  return [
    ...named('resource_type', wanted.resource_type_associations ?? []),
    ...named('object', wanted.objects ?? []),
    ...named('tag', wanted.tags ?? []),
    ...Object.entries(wanted.properties ?? {}).map(([name, property]): DefinitionNew => {
      const { name: _name, ...value } = property;
      return { kind: 'property', name, value };
    }),
  ];
}

/** How the properties of a namespace begin where they are set on the resource type. */
export function prefixOf(association: Definition | undefined): string {
  const prefix = association?.value['prefix'];
  return typeof prefix === 'string' ? prefix : '';
}
