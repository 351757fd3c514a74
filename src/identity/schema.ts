import type { TObject, TProperties, TSchema } from 'typebox';
import { Type } from '../kernel/type.ts';

/** Limits of Keystone's own schemas. */
export const IdText = Type.String({ minLength: 1, maxLength: 64, pattern: '^[a-zA-Z0-9-]+$' });
export const NameText = Type.String({ minLength: 1, maxLength: 255, pattern: '\\S' });
export const ProjectNameText = Type.String({ minLength: 1, maxLength: 64, pattern: '\\S' });
export const UrlText = Type.String({ maxLength: 225, pattern: '^[a-zA-Z0-9+.-]+:.+' });

export const Nullable = <Schema extends TSchema>(schema: Schema) =>
  Type.Union([schema, Type.Null()]);

/** Clients may store attributes of their own beside the known ones. */
export const Open = <Properties extends TProperties>(properties: Properties): TObject<Properties> =>
  Type.Object(properties, { additionalProperties: true });

export const OpenPartial = <Properties extends TProperties>(properties: Properties) =>
  Type.Partial(Type.Object(properties), { additionalProperties: true, minProperties: 1 });

export const SelfLink = Type.Object({ self: Type.String() });
const ListLinks = Type.Object({
  self: Type.String(),
  previous: Nullable(Type.String()),
  next: Nullable(Type.String()),
});

/** `{"users": [...], "links": {...}}` */
export const ListReply = (key: string, item: TSchema): TSchema =>
  Type.Object({ [key]: Type.Array(item), links: ListLinks }, { additionalProperties: true });

export const OptionsText = Type.Object({}, { additionalProperties: true });
