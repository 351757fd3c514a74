import type { Static, TProperties, TSchema } from 'typebox';
import { Type } from '../kernel/type.ts';

/** Clients write booleans and numbers as text too, and Neutron has always understood them. */
export const BooleanLike = Type.Union([
  Type.Boolean(),
  Type.String({ pattern: '^([Tt]rue|[Ff]alse|0|1)$' }),
  Type.Integer({ minimum: 0, maximum: 1 }),
]);
export const asBoolean = (value: Static<typeof BooleanLike>): boolean =>
  typeof value === 'string' ? /^(true|1)$/i.test(value) : Boolean(value);

export const IntegerLike = Type.Union([
  Type.Integer({ minimum: -2147483648, maximum: 4294967295 }),
  Type.String({ pattern: '^-?\\d{1,10}$' }),
]);
export const asInteger = (value: Static<typeof IntegerLike>): number => Number(value);

export const Name = Type.String({ maxLength: 255 });
export const Uuid = Type.String({
  pattern: '^[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}$',
});
export const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
export const Strings = Type.Array(Type.String());

/** What a new resource of any kind can be given. */
export const ownership = {
  project_id: Type.Optional(Name),
  tenant_id: Type.Optional(Name),
};

/** What every resource shows. */
export const standardView = {
  id: Type.String(),
  project_id: Type.String(),
  tenant_id: Type.String(),
  description: Type.String(),
  revision_number: Type.Integer(),
  created_at: Type.String(),
  updated_at: Type.String(),
};
export const tagsView = { tags: Strings };

export const viewOf = <P extends TProperties>(properties: P) =>
  Type.Object(properties, { additionalProperties: false });
export const wishOf = viewOf;

export const Links = Type.Array(Type.Object({ rel: Type.String(), href: Type.String() }));
