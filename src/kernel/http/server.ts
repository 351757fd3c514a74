import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { auditEvent, type AuditSink } from '../audit.ts';
import type { Clock } from '../clock.ts';
import { causesOf, Failure, invalid, notFound } from '../errors.ts';
import type { Ids } from '../ids.ts';
import type { Log } from '../log.ts';
import type { Policy } from '../policy.ts';
import type { Api, Authenticate } from './api.ts';
import { bodyBytes, bodyStream, jsonParse } from './body.ts';
import type { Input, Reply } from './endpoint.ts';
import { Exchange, RequestContext, type Mounted } from './exchange.ts';
import { versionHeaders, versionNegotiate } from './negotiate.ts';
import { replyCheck } from './reply-check.ts';
import { replySend } from './reply-send.ts';
import { endpointChoose, routingOf } from './routing.ts';

export interface HttpOptions {
  readonly apis: readonly Api<never>[];
  readonly authenticate: Authenticate;
  readonly policy: Policy;
  readonly audit: AuditSink;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  /** Where clients reach us when a proxy stands in front; null: what their Host header says. */
  readonly publicUrl: string | null;
  readonly tls: { readonly cert: string; readonly key: string } | null;
  /** Tests: hold every reply against the schema its route declares. */
  readonly checkReplies: boolean;
}

const jsonLimitBytes = 1 << 20;

export function httpServer(options: HttpOptions): Server {
  const mounts = options.apis
    .flatMap((api) => {
      const routing = routingOf(api);
      return api.mounts.map((mount) => ({ api: api as unknown as Api<unknown>, mount, routing }));
    })
    .toSorted((a, b) => b.mount.length - a.mount.length);
  const limits = {
    maxHeaderSize: 32 << 10,
    headersTimeout: 20_000,
    keepAliveTimeout: 75_000,
    // A large upload may take hours; a stalled one is ended by the body reader.
    requestTimeout: 0,
    // A request that announces no body has none: nothing is made ready to read it.
    optimizeEmptyRequests: true,
  };
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    void answer(options, mounts, request, response);
  };
  const { tls } = options;
  return tls === null
    ? createServer(limits, listener)
    : (createTlsServer({ ...limits, ...tls }, listener) as unknown as Server);
}

async function answer(
  options: HttpOptions,
  mounts: readonly Mounted[],
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const startedMs = options.clock.now();
  const exchange = new Exchange(options, mounts, request);
  let reply: Reply;
  try {
    reply = await replyFor(options, exchange, response);
  } catch (error) {
    reply = failed(exchange, error);
  }
  record(options, exchange, reply.status);
  try {
    await replySend(request, response, { ...reply, headers: allHeaders(exchange, reply) });
  } catch (error) {
    exchange.log.warning('an answer could not be sent whole', { causes: causesOf(error) });
    response.destroy();
  }
  options.log.info('request', {
    requestId: exchange.requestId,
    api: exchange.mounted.api.name,
    method: request.method,
    path: exchange.path,
    status: reply.status,
    ms: options.clock.now() - startedMs,
    userId: exchange.actor?.userId,
  });
}

async function replyFor(
  options: HttpOptions,
  exchange: Exchange,
  response: ServerResponse,
): Promise<Reply> {
  const { request, mounted, path, query } = exchange;
  const { microversions } = mounted.api;
  if (request.url?.includes('%00') === true) throw invalid('The URL contains a null character.');
  if (microversions?.applies(path) === true) {
    exchange.version = versionNegotiate(request.headers, microversions);
  }
  exchange.actor = await options.authenticate(request);
  const match = mounted.routing.find(request.method ?? 'GET', aliased(mounted.api, path));
  const isOpen = match?.candidates[0]?.route.auth === 'none';
  if (!isOpen && exchange.actor === null) {
    throw new Failure('unauthenticated', 'The request you have made requires authentication.');
  }
  if (match === null) throw notFound('The resource could not be found.');
  exchange.params = match.params;

  const takesStream = match.candidates[0]?.route.body === 'stream';
  const mediaType =
    (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  const body = takesStream ? undefined : jsonParse(await bodyBytes(request, jsonLimitBytes));
  const endpoint = endpointChoose(match, exchange.version, body);
  exchange.endpoint = endpoint;
  const { route } = endpoint;
  queryCheck(route.query, route.queryStrict, query);
  if (body !== undefined && route.body !== undefined && !takesStream) {
    mediaTypeCheck(mediaType, route.mediaTypes);
  }
  endpoint.validate(body, exchange.version);

  const input: Input<never> = {
    params: match.params,
    query,
    headers: request.headers,
    body: body as never,
    mediaType,
    stream: bodyStream(request),
  };
  const baseUrl = baseUrlOf(options, exchange);
  const context = new RequestContext(options, exchange, response, baseUrl);
  const reply = await endpoint.run(context, input);
  if (route.rule !== null && reply.status < 400 && !exchange.isAsked) {
    throw new Error(`endpoint ${route.id} answered without asking its rule ${route.rule}`);
  }
  if (options.checkReplies) replyCheck(route, reply);
  return reply;
}

/** What stands below the older path; the path itself is an endpoint of its own (discovery). */
function aliased({ alias }: Api<unknown>, path: string): string {
  const isBelow =
    alias !== undefined && path.startsWith(`${alias.path}/`) && path.length > alias.path.length + 1;
  return isBelow ? alias.of + path.slice(alias.path.length) : path;
}

function queryCheck(
  names: readonly string[] = [],
  strict: boolean | undefined,
  query: URLSearchParams,
): void {
  if (strict !== true) return;
  const unknown = [...query.keys()].find((name) => !names.includes(name));
  if (unknown !== undefined) {
    throw invalid(`Additional properties are not allowed ('${unknown}' was unexpected)`);
  }
}

function mediaTypeCheck(
  mediaType: string,
  accepted: readonly string[] = ['application/json'],
): void {
  // Many scripts send JSON without saying so; refusing them would serve nobody.
  if (mediaType === '' || accepted.includes(mediaType)) return;
  if (mediaType === 'application/json' || mediaType.endsWith('+json')) {
    if (accepted.includes('application/json')) return;
  }
  throw new Failure('unsupported_media', `Unsupported Content-Type: ${mediaType}`);
}

function baseUrlOf({ publicUrl, tls }: HttpOptions, { request, mounted }: Exchange): string {
  if (publicUrl !== null) return publicUrl + mounted.mount;
  const host = request.headers.host ?? 'localhost';
  const forwarded = request.headers['x-forwarded-proto'];
  const scheme = forwarded === 'https' || tls !== null ? 'https' : 'http';
  return `${scheme}://${/^[\w.:[\]-]+$/.test(host) ? host : 'localhost'}${mounted.mount}`;
}

function failed(exchange: Exchange, error: unknown): Reply {
  const { api } = exchange.mounted;
  const isBug = !(error instanceof Failure);
  if (isBug) exchange.log.error('a request failed by a fault of ours', { causes: causesOf(error) });
  else
    exchange.log.debug('refused', { kind: error.kind, ...error.detail, causes: causesOf(error) });
  const failure = isBug
    ? new Failure(
        'unavailable',
        'An unexpected error prevented the server from fulfilling your request.',
      )
    : error;
  const facts = { requestId: exchange.requestId, isBug, version: exchange.version };
  const reply = api.failureReply(failure, facts);
  return { ...reply, headers: { ...reply.headers, ...failure.headers } };
}

function allHeaders(exchange: Exchange, reply: Reply): Record<string, string> {
  const { api } = exchange.mounted;
  const { microversions } = api;
  const versions =
    microversions?.applies(exchange.path) === true
      ? versionHeaders(microversions, exchange.version)
      : {};
  return {
    'X-Openstack-Request-Id': exchange.requestId,
    ...api.replyHeaders?.({ requestId: exchange.requestId }),
    ...versions,
    ...reply.headers,
  };
}

const auditedMethods: Readonly<Record<string, string>> = {
  POST: 'create',
  PUT: 'update',
  PATCH: 'update',
  DELETE: 'delete',
  COPY: 'create',
};

/** Every change and every refusal, by whomever; reads that succeed are in the request log. */
function record(options: HttpOptions, exchange: Exchange, status: number): void {
  const { request, endpoint, mounted, requestId, params, actor } = exchange;
  const change = auditedMethods[request.method ?? ''];
  const refused = status === 401 || status === 403;
  if ((change === undefined && !refused) || exchange.isLogInTold) return;
  const [id = 'unknown'] = Object.values(params).toReversed();
  const { action } = endpoint?.route ?? {};
  options.audit.write(
    auditEvent(
      {
        service: mounted.api.name,
        action: action === undefined ? (change ?? 'read') : `update/${action}`,
        outcome: status < 400 ? 'success' : 'failure',
        reason: { code: status, type: 'HTTP' },
        target: {
          id,
          typeURI:
            endpoint?.route.auditType ?? `${mounted.api.name}/${endpoint?.route.id ?? 'unknown'}`,
        },
        actor,
        requestId,
        ...(request.socket.remoteAddress !== undefined && {
          remoteAddress: request.socket.remoteAddress,
        }),
      },
      options.ids.uuid(),
      new Date(options.clock.now()).toISOString(),
    ),
  );
}
