import type { TSchema } from 'typebox';
import { Type } from '../type.ts';
import type { Api } from './api.ts';
import { endpointsOf, type ByVersion, type Endpoint, type Route } from './endpoint.ts';

type Json = Readonly<Record<string, unknown>>;

/** The OpenAPI 3.1 document of an API, derived from the very routes that serve it. */
export function openApiDocument({ name, endpoints }: Pick<Api<never>, 'name' | 'endpoints'>): Json {
  const paths: Record<string, Record<string, Json>> = {};
  const groups = Map.groupBy(endpoints, ({ route }) => `${route.method} ${route.path}`);
  for (const group of groups.values()) {
    const routes = group.map(({ route }) => route);
    const [{ path, method }] = routes as [Route, ...Route[]];
    const at = path.replaceAll(/:(\w+)/g, '{$1}');
    (paths[at] ??= {})[method.toLowerCase()] = operationOf(routes);
  }
  return {
    openapi: '3.1.0',
    info: { title: `Welkin ${name}`, version: '1', license: { name: 'Apache-2.0' } },
    paths,
    components: {
      securitySchemes: { token: { type: 'apiKey', in: 'header', name: 'X-Auth-Token' } },
    },
  };
}

function operationOf(routes: readonly Route[]): Json {
  const [first] = routes as [Route, ...Route[]];
  const names = [...first.path.matchAll(/:(\w+)/g)].map(([, name]) => name ?? '');
  const bodies = routes.flatMap(bodiesOf);
  const mediaType = first.body === 'stream' ? 'application/octet-stream' : 'application/json';
  return {
    operationId: first.action === undefined ? first.id : first.id.replace(/\.[^.]*$/, '.action'),
    ...(first.summary !== undefined && { summary: first.summary }),
    ...(first.auth !== 'none' && { security: [{ token: [] }] }),
    'x-policy': routes.map(({ rule }) => rule),
    ...versionsOf(routes),
    parameters: [
      ...names.map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } })),
      ...(first.query ?? []).map((name) => ({ name, in: 'query', schema: { type: 'string' } })),
    ],
    ...(bodies.length > 0 && {
      requestBody: { required: true, content: { [mediaType]: { schema: oneOf(bodies) } } },
    }),
    responses: responsesOf(routes),
  };
}

function bodiesOf({ body }: Route): readonly Json[] {
  if (body === undefined) return [];
  if (body === 'stream') return [{ type: 'string', format: 'binary' }];
  if (!('from' in body)) return [body as Json];
  return (body as ByVersion<TSchema>).from.map(([since, schema]) => ({
    ...schema,
    'x-since-microversion': since,
  }));
}

function versionsOf(routes: readonly Route[]): Json | null {
  const bounded = routes.filter(({ since, until }) => since !== undefined || until !== undefined);
  if (bounded.length === 0) return null;
  return {
    'x-microversions': bounded.map(({ id, since, until }) => ({ id, since, until })),
  };
}

function responsesOf(routes: readonly Route[]): Json {
  const responses: Record<string, Json> = {};
  for (const [status, replies] of Map.groupBy(
    routes.flatMap(({ reply }) => Object.entries(reply)),
    ([code]) => code,
  )) {
    const schemas = replies.flatMap(([, schema]) => (schema === null ? [] : [schema as Json]));
    responses[status] = {
      description: Number(status) < 400 ? 'done' : 'refused',
      ...(schemas.length > 0 && { content: { 'application/json': { schema: oneOf(schemas) } } }),
    };
  }
  return responses;
}

const oneOf = (schemas: readonly Json[]): Json =>
  schemas.length === 1 ? (schemas[0] ?? {}) : { anyOf: schemas };

/** `GET <mount>/openapi.json`, for everyone: it says nothing that the source does not. */
export function openApiEndpoint<World>(api: Api<World>): Endpoint<World> {
  let document: Json | null = null;
  return endpointsOf<World>()(
    {
      id: `${api.name}.openapi`,
      method: 'GET',
      path: '/openapi.json',
      rule: null,
      auth: 'none',
      summary: 'This document.',
      reply: { 200: Type.Record(Type.String(), Type.Unknown()) },
    },
    () => ({ status: 200, body: (document ??= openApiDocument(api as unknown as Api<never>)) }),
  );
}
