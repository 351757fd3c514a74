import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Type as TypeBox, type TSchema } from 'typebox';
import { Type } from '../../src/kernel/type.ts';

/** Every builder, alone and with options, and what they make of one another. */
function samples(build: typeof Type): Readonly<Record<string, TSchema>> {
  const closed = { additionalProperties: false };
  const name = build.String({ maxLength: 255 });
  const thing = build.Object(
    { name, size: build.Optional(build.Integer({ minimum: 0 })), spare: build.Optional(name) },
    closed,
  );
  return {
    array: build.Array(name, { maxItems: 3 }),
    boolean: build.Boolean({ default: true }),
    intersect: build.Intersect([thing, build.Object({ more: build.Number() })]),
    literals: build.Union([build.Literal('a'), build.Literal(1), build.Literal(true)], {
      default: 1,
    }),
    null: build.Null(),
    number: build.Number({ description: 'any' }),
    object: thing,
    optionalOnly: build.Object({ size: build.Optional(build.Integer()) }),
    partial: build.Partial(thing),
    partialClosed: build.Partial(thing, closed),
    record: build.Record(build.String(), thing),
    recordOfNames: build.Record(build.String({ pattern: '^[a-z]+$' }), build.Null(), closed),
    reused: build.Object({ ...thing.properties, last: build.Unknown() }),
    unknown: build.Unknown(),
  };
}

test('a schema is what typebox makes of the same words, to the order of its keys', () => {
  assert.equal(JSON.stringify(samples(Type), null, 1), JSON.stringify(samples(TypeBox), null, 1));
});
