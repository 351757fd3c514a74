import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { TSchema } from 'typebox';
import { identityApi } from '../../src/identity/identity.api.ts';
import { cloudOpen } from './support.ts';

/** Properties of a body, whatever its schema is made of. */
function propertiesOf(schema: TSchema): Record<string, TSchema> {
  const { properties, anyOf, allOf } = schema as {
    properties?: Record<string, TSchema>;
    anyOf?: TSchema[];
    allOf?: TSchema[];
  };
  const parts = [...(anyOf ?? []), ...(allOf ?? [])].map(propertiesOf);
  return Object.assign({}, properties, ...parts) as Record<string, TSchema>;
}

const nasty = fc.oneof(
  fc.constantFrom(
    '',
    ' ',
    '\0',
    'a\0b',
    '\ud800',
    '%00',
    "' OR 1=1 --",
    '../..',
    'default',
    'x'.repeat(5_000),
  ),
  fc.string({ unit: 'binary', maxLength: 80 }),
  fc.integer(),
  fc.double(),
  fc.boolean(),
  fc.constant(null),
  fc.array(fc.string(), { maxLength: 3 }),
  fc.dictionary(fc.string({ maxLength: 8 }), fc.jsonValue({ maxDepth: 1 }), { maxKeys: 3 }),
);

/** Bodies that look like what the schema wants, with anything at all in places. */
function bodies(schema: TSchema): fc.Arbitrary<unknown> {
  const {
    type,
    const: only,
    items,
  } = schema as { type?: string; const?: unknown; items?: TSchema };
  const good =
    only !== undefined
      ? fc.constant(only)
      : type === 'boolean'
        ? fc.boolean()
        : type === 'integer'
          ? fc.integer({ min: 0, max: 9 })
          : type === 'array' && items !== undefined
            ? fc.array(bodies(items), { maxLength: 3 })
            : fc.constantFrom(
                'default',
                'name',
                'http://x',
                '2030-01-01T00:00:00Z',
                'f'.repeat(32),
              );
  const properties = Object.entries(propertiesOf(schema));
  if (properties.length === 0) return fc.oneof({ weight: 4, arbitrary: good }, nasty);
  const shaped = fc.record(
    Object.fromEntries(properties.map(([name, inner]) => [name, bodies(inner)])),
    { requiredKeys: [] },
  );
  return fc.oneof({ weight: 6, arbitrary: shaped }, nasty);
}

/** So many bodies, paths and queries of each route: none may make a fault of ours. */
export async function fuzzEveryRoute(runs: number): Promise<void> {
  let cloud = await cloudOpen();
  const { endpoints } = identityApi(cloud.world);
  /** An administrator who has just disabled the own domain begins anew, in another cloud. */
  const adminToken = async (): Promise<string> => {
    const token = await cloud.freshAdmin().catch(() => null);
    if (token !== null) return token;
    await cloud[Symbol.asyncDispose]();
    cloud = await cloudOpen();
    return cloud.admin;
  };
  const own = 'the project of the administrator';
  const ids = ['default', 'f'.repeat(32), own, '%00', '%ff', 'a%2Fb', '%F0%9F%92%A9'];
  for (const { route } of endpoints) {
    const { body } = route;
    const schema = body === undefined || body === 'stream' || 'from' in body ? null : body;
    const requests = fc.record({
      body: schema === null ? fc.constant(undefined) : bodies(schema),
      ids: fc.array(fc.constantFrom(...ids), { minLength: 4, maxLength: 4 }),
      query: fc.dictionary(
        fc.constantFrom(...(route.query ?? ['name']), 'name__contains', 'limit', 'marker'),
        fc.oneof(fc.constantFrom('true', '0', '10', 'x', '\0', '%'), fc.string({ maxLength: 5 })),
        { maxKeys: 2 },
      ),
    });
    await fc.assert(
      fc.asyncProperty(requests, async (request) => {
        let at = 0;
        const token = await adminToken();
        const path = route.path.replace(/:\w+/g, () => {
          const id = request.ids[at++] ?? 'x';
          return id === own ? cloud.adminProjectId : id;
        });
        const query = new URLSearchParams(request.query).toString();
        const answer = await cloud.call(route.method, `${path}?${query}`, {
          token,
          ...(request.body !== undefined && { body: request.body }),
        });
        assert(answer.status < 500, `${route.id}: ${answer.text}`);
      }),
      { numRuns: runs },
    );
  }
  await cloud[Symbol.asyncDispose]();
}
