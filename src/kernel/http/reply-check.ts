import type { TSchema } from 'typebox';
import { Compile, type Validator } from 'typebox/schema';
import type { Reply, Route } from './endpoint.ts';

const compiledSchemas = new WeakMap<TSchema, Validator>();

/** Throws when an answer is not what its route declares: the published schema would lie. */
export function replyCheck(route: Route, { status, body, bytes }: Reply): void {
  const schema = route.reply[status];
  if (schema === undefined)
    throw new Error(`${route.id} answered ${status}, which it does not declare`);
  if (schema === null) {
    if (body !== undefined) throw new Error(`${route.id} declares no body for ${status}`);
    return;
  }
  const wire: unknown = JSON.parse(
    typeof bytes === 'string' ? bytes : JSON.stringify(body ?? null),
  );
  const compiled = compiledSchemas.get(schema) ?? Compile(schema);
  compiledSchemas.set(schema, compiled);
  if (compiled.Check(wire)) return;
  const [, errors] = compiled.Errors(wire);
  const texts = errors.slice(0, 3).map(({ instancePath, message }) => `${instancePath} ${message}`);
  throw new Error(`${route.id} answered other than it declares: ${texts.join('; ')}`);
}
