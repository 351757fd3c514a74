import type { Static, TSchema } from 'typebox';
import { Type } from '../../kernel/type.ts';

const type = Type.Union([
  Type.Literal('array'),
  Type.Literal('boolean'),
  Type.Literal('integer'),
  Type.Literal('number'),
  Type.Literal('object'),
  Type.Literal('string'),
  Type.Null(),
]);
const name = Type.String({ minLength: 1, maxLength: 80 });
const count = Type.Integer({ minimum: 0 });
const texts = Type.Array(Type.String(), { uniqueItems: true });

/** A value that only the service sets may stand in a request; the answer to it is 403, not 400. */
const refusedLater = Type.Optional(Type.Unknown());
const readOnly = {
  self: refusedLater,
  schema: refusedLater,
  created_at: refusedLater,
  updated_at: refusedLater,
};
const closed = { additionalProperties: false };
const optional = <Fields extends Record<string, TSchema>>(fields: Fields) =>
  Object.fromEntries(
    Object.entries(fields).map(([key, schema]) => [key, Type.Optional(schema)]),
  ) as { [Key in keyof Fields]: ReturnType<typeof Type.Optional<Fields[Key]>> };

/** JSON Schema's words for one property, as far as users of it understand them. */
const propertyFields = {
  title: Type.String(),
  type,
  ...optional({
    description: Type.String(),
    operators: Type.Array(Type.String()),
    required: texts,
    minimum: Type.Number(),
    maximum: Type.Number(),
    minLength: count,
    maxLength: count,
    pattern: Type.String(),
    enum: Type.Array(Type.Unknown()),
    readonly: Type.Boolean(),
    confidential: Type.Boolean(),
    default: Type.Unknown(),
    items: Type.Object(optional({ type, enum: Type.Array(Type.Unknown()) }), closed),
    minItems: count,
    maxItems: count,
    uniqueItems: Type.Boolean(),
    additionalItems: Type.Boolean(),
  }),
};
const Properties = Type.Record(
  Type.String(),
  Type.Object({ ...propertyFields, name: Type.Optional(name) }, closed),
);

const objectFields = {
  name,
  ...optional({ description: Type.String(), required: texts, properties: Properties }),
};
const associationFields = {
  name,
  ...optional({
    prefix: Type.String({ maxLength: 80 }),
    properties_target: Type.String({ maxLength: 80 }),
  }),
};
const tagFields = { name };

const namespaceFields = {
  namespace: name,
  ...optional({
    display_name: Type.String({ maxLength: 80 }),
    description: Type.String({ maxLength: 500 }),
    visibility: Type.Union([Type.Literal('public'), Type.Literal('private')]),
    protected: Type.Boolean(),
    owner: Type.String({ maxLength: 255 }),
    resource_type_associations: Type.Array(
      Type.Object({ ...associationFields, ...readOnly }, closed),
    ),
    properties: Properties,
    objects: Type.Array(Type.Object({ ...objectFields, ...readOnly }, closed)),
    tags: Type.Array(Type.Object({ ...tagFields, ...readOnly }, closed)),
  }),
};

export const NamespaceBody = Type.Object({ ...namespaceFields, ...readOnly }, closed);
export const ObjectBody = Type.Object({ ...objectFields, ...readOnly }, closed);
export const PropertyBody = Type.Object({ name, ...propertyFields, ...readOnly }, closed);
export const TagBody = Type.Object({ ...tagFields, ...readOnly }, closed);
export const TagsBody = Type.Object({ tags: Type.Array(Type.Object(tagFields, closed)) }, closed);
export const AssociationBody = Type.Object({ ...associationFields, ...readOnly }, closed);

export type NamespaceWanted = Static<typeof NamespaceBody>;

const time = { created_at: Type.String(), updated_at: Type.String() };
const links = { self: Type.String(), schema: Type.String() };
export const ObjectReply = Type.Object({ ...objectFields, ...time, ...links }, closed);
export const PropertyReply = Type.Object({ name, ...propertyFields }, closed);
export const PropertiesReply = Type.Object({ properties: Properties }, closed);
export const TagReply = Type.Object({ name, ...time }, closed);
export const TagsReply = Type.Object({ tags: Type.Array(Type.Object(tagFields, closed)) }, closed);
export const AssociationReply = Type.Object({ ...associationFields, ...time }, closed);
export const AssociationsReply = Type.Object(
  { resource_type_associations: Type.Array(AssociationReply) },
  closed,
);
export const ObjectsReply = Type.Object({ objects: Type.Array(ObjectReply) }, closed);
export const ResourceTypesReply = Type.Object(
  { resource_types: Type.Array(Type.Object({ name: Type.String(), ...time }, closed)) },
  closed,
);
export const NamespaceReply = Type.Object(
  {
    ...namespaceFields,
    resource_type_associations: Type.Optional(Type.Array(AssociationReply)),
    objects: Type.Optional(Type.Array(ObjectReply)),
    ...time,
    ...links,
  },
  closed,
);
export const NamespacesReply = Type.Object(
  {
    namespaces: Type.Array(NamespaceReply),
    first: Type.String(),
    next: Type.Optional(Type.String()),
    schema: Type.String(),
  },
  closed,
);

/** For the documents under `/v2/schemas/metadefs`: older clients hold what the service answers against them. */
const shown = optional({
  created_at: Type.String({ readOnly: true }),
  updated_at: Type.String({ readOnly: true }),
  self: Type.String({ readOnly: true }),
  schema: Type.String({ readOnly: true }),
});
export const published = {
  namespace: Type.Object({ ...namespaceFields, ...shown }, closed),
  object: Type.Object({ ...objectFields, ...shown }, closed),
  property: Type.Object({ name, ...propertyFields }, closed),
  tag: Type.Object({ ...tagFields, ...shown }, closed),
  resource_type_association: Type.Object({ ...associationFields, ...shown }, closed),
} as const;
