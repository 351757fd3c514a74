import type { Type as Builders } from 'typebox';

/**
 * What schemas are written with: the builders of typebox that are used here, with its static types but without its
 * runtime. Behind that stands a whole language of types, 370 files which every start of control and each `welkin up`
 * would read; a schema is JSON Schema and needs none of it.
 */
export const Type = {
  Array: (items: Schema, options?: Schema) => ({ type: 'array', items, ...options }),
  Boolean: (options?: Schema) => ({ type: 'boolean', ...options }),
  Integer: (options?: Schema) => ({ type: 'integer', ...options }),
  Intersect: (allOf: readonly Schema[], options?: Schema) => ({ allOf, ...options }),
  Literal: (value: string | number | boolean, options?: Schema) => ({
    type: typeof value,
    const: value,
    ...options,
  }),
  Null: (options?: Schema) => ({ type: 'null', ...options }),
  Number: (options?: Schema) => ({ type: 'number', ...options }),
  Object: objectType,
  Optional: optionalType,
  /** Options of the object itself have to be given again. */
  Partial: ({ properties }: { readonly properties: Properties }, options?: Schema) => {
    const all = Object.entries(properties).map(([name, one]) => [name, optionalType(one)] as const);
    return objectType(Object.fromEntries(all), options);
  },
  Record: (
    { pattern = '^.*$' }: { readonly pattern?: string },
    value: Schema,
    options?: Schema,
  ) => ({
    type: 'object',
    patternProperties: { [pattern]: value },
    ...options,
  }),
  String: (options?: Schema) => ({ type: 'string', ...options }),
  Union: (anyOf: readonly Schema[], options?: Schema) => ({ anyOf, ...options }),
  Unknown: (options?: Schema) => ({ ...options }),
} as unknown as Pick<
  typeof Builders,
  | 'Array'
  | 'Boolean'
  | 'Integer'
  | 'Intersect'
  | 'Literal'
  | 'Null'
  | 'Number'
  | 'Object'
  | 'Optional'
  | 'Partial'
  | 'Record'
  | 'String'
  | 'Union'
  | 'Unknown'
>;

type Schema = Readonly<Record<PropertyKey, unknown>>;
type Properties = Readonly<Record<string, Schema>>;

/** Marks what an object may lack. JSON does not show it. */
const optional = Symbol('optional');

function optionalType(schema: Schema): Schema {
  return { ...schema, [optional]: true };
}

function objectType(properties: Properties, options?: Schema): Schema {
  const required = Object.entries(properties).flatMap(([name, one]) =>
    optional in one ? [] : [name],
  );
  return { type: 'object', ...(required.length > 0 && { required }), properties, ...options };
}
