import type { TSchema } from 'typebox';

interface Shape {
  readonly type?: string;
  readonly const?: unknown;
  readonly anyOf?: readonly TSchema[];
  readonly allOf?: readonly TSchema[];
  readonly items?: TSchema;
  readonly minItems?: number;
  readonly minimum?: number;
  readonly minProperties?: number;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, TSchema>>;
}

export type Values = Readonly<Record<string, string>>;

/**
 * The smallest body that a schema takes. `values` are put wherever a property of that name is known, so that a body
 * speaks of things that are there.
 */
export function sampleOf(schema: TSchema, values: Values, name = ''): unknown {
  const shape = schema as Shape;
  if (shape.const !== undefined) return shape.const;
  if (shape.anyOf !== undefined) return sampleOf(shape.anyOf[0] as TSchema, values, name);
  if (shape.allOf !== undefined) {
    return Object.assign({}, ...shape.allOf.map((part) => sampleOf(part, values, name))) as object;
  }
  switch (shape.type ?? '') {
    case 'object':
      return objectOf(shape, values);
    case 'array':
      return Array.from({ length: shape.minItems ?? 0 }, () =>
        sampleOf(shape.items as TSchema, values, name),
      );
    case 'boolean':
      return true;
    case 'integer':
    case 'number':
      return Math.max(shape.minimum ?? 1, 1);
    case 'null':
      return null;
    default:
      return values[name] ?? 'sample';
  }
}

function objectOf({ properties = {}, required = [], minProperties = 0 }: Shape, values: Values) {
  const names = Object.keys(properties);
  const chosen = names.filter((name) => required.includes(name) || name in values);
  const enough = chosen.length < minProperties ? names.slice(0, minProperties) : chosen;
  return Object.fromEntries(
    enough.map((name) => [name, sampleOf(properties[name] as TSchema, values, name)]),
  );
}
