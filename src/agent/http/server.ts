/** Serves the contract in `../api.ts` over HTTP: a unix socket on one machine, mutual TLS between machines. */
import { once } from 'node:events';
import { chmod, chown, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { causesOf, Failure, invalid, notFound } from '../../kernel/errors.ts';
import type { Log } from '../../kernel/log.ts';
import type {
  AgentClient,
  ExternalWanted,
  ImageFacts,
  NetworkWanted,
  RouterWanted,
  ServerWanted,
  SnapshotWanted,
} from '../api.ts';
import { heartbeatMs, wireErrorOf } from './wire.ts';

export type ListenOn =
  | { readonly socketPath: string; readonly gid: number }
  | {
      readonly host: string;
      readonly port: number;
      readonly tls: { readonly key: string; readonly cert: string; readonly ca: string };
    };

export interface AgentHttp {
  close(): Promise<void>;
}

const bodyBytesMax = 64 << 20;

export async function agentHttpServe(
  agent: AgentClient,
  on: ListenOn,
  log: Log,
): Promise<AgentHttp> {
  const stop = new AbortController();
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    // A connection that falls idle after the end of this server would keep it.
    response.once('close', () => stop.signal.aborted && request.socket.destroySoon());
    void requestAnswer({ agent, log, request, response, stop: stop.signal });
  };
  const server =
    'socketPath' in on
      ? createServer(listener)
      : createTlsServer({ ...on.tls, requestCert: true, rejectUnauthorized: true }, listener);
  // An image takes as long as it takes.
  server.requestTimeout = 0;
  server.keepAliveTimeout = 60_000;
  await listen(server, on);
  return {
    async close() {
      stop.abort();
      const closed = once(server, 'close');
      server.close();
      server.closeIdleConnections();
      await closed;
    },
  };
}

async function listen(server: Server, on: ListenOn): Promise<void> {
  const listening = once(server, 'listening');
  if (!('socketPath' in on)) {
    server.listen(on.port, on.host);
    await listening;
    return;
  }
  // A killed agent leaves its socket; who else might listen there is kept off by the lock of the state directory.
  await rm(on.socketPath, { force: true });
  const umask = process.umask(0o117);
  server.listen(on.socketPath);
  process.umask(umask);
  await listening;
  await chown(on.socketPath, process.getuid?.() ?? 0, on.gid);
  await chmod(on.socketPath, 0o660);
}

interface Call {
  readonly agent: AgentClient;
  readonly log: Log;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly stop: AbortSignal;
}

interface RouteCall extends Call {
  readonly id: string;
  readonly query: URLSearchParams;
}

/** What it resolves with is the body; undefined is an empty one. */
type Route = (call: RouteCall) => Promise<unknown>;

const routes: Readonly<Record<string, Route>> = {
  'GET host': ({ agent }) => agent.hostGet(),
  'GET watch': watchAnswer,

  'PUT externals/:id': async (call) => {
    const { body, digest } = await documentRead<ExternalWanted>(call);
    await call.agent.externalPut(body, digest);
  },
  'DELETE externals/:id': ({ agent, id }) => agent.externalDelete(id),
  'PUT networks/:id': async (call) => {
    const { body, digest } = await documentRead<NetworkWanted>(call);
    await call.agent.networkPut(body, digest);
  },
  'DELETE networks/:id': ({ agent, id }) => agent.networkDelete(id),
  'PUT routers/:id': async (call) => {
    const { body, digest } = await documentRead<RouterWanted>(call);
    await call.agent.routerPut(body, digest);
  },
  'DELETE routers/:id': ({ agent, id }) => agent.routerDelete(id),

  'GET images': ({ agent }) => agent.imageList(),
  'GET images/:id': async ({ agent, id }) => foundOrThrow(await agent.imageGet(id), 'image', id),
  'PUT images/:id': async ({ agent, id, query, request }) => {
    await agent.imagePut(imageFactsRead(id, query), request);
    // Bytes that nobody needed any more.
    request.resume();
  },
  'DELETE images/:id': async ({ agent, id }) => ({ isDeleted: await agent.imageDelete(id) }),

  'GET servers/:id': async ({ agent, id }) => foundOrThrow(await agent.serverGet(id), 'server', id),
  'PUT servers/:id': async (call) => call.agent.serverPut(await ownBodyRead<ServerWanted>(call)),
  'DELETE servers/:id': ({ agent, id }) => agent.serverDelete(id),
  'GET servers/:id/console': async ({ agent, id, query }) => {
    const lines = query.get('lines');
    return { text: await agent.serverConsole(id, lines === null ? null : countOf(lines)) };
  },
  'GET servers/:id/diagnostics': ({ agent, id }) => agent.serverDiagnostics(id),
  'PUT servers/:id/password': async ({ agent, id, request }) => {
    const { username, password } = await bodyRead<{ username: string; password: string }>(request);
    await agent.serverPasswordSet(id, username, password);
  },
  'GET servers/:id/password': async ({ agent, id }) => ({
    password: await agent.serverPasswordRead(id),
  }),
  'DELETE servers/:id/password': ({ agent, id }) => agent.serverPasswordClear(id),

  'GET snapshots/:id': async ({ agent, id }) =>
    foundOrThrow(await agent.snapshotGet(id), 'snapshot', id),
  'PUT snapshots/:id': async ({ agent, id, request }) =>
    agent.snapshotPut(id, await bodyRead<SnapshotWanted>(request)),
  'DELETE snapshots/:id': ({ agent, id }) => agent.snapshotDelete(id),
  'GET snapshots/:id/bytes': snapshotAnswer,
};

async function requestAnswer(call: Call): Promise<void> {
  const { request, response, log } = call;
  response.on('error', () => {});
  try {
    const url = new URL(request.url ?? '/', 'http://agent');
    const [, version, ...parts] = url.pathname.split('/');
    const id = idDecode(parts[1] ?? '');
    const pattern = [parts[0], ...(parts.length > 1 ? [':id'] : []), ...parts.slice(2)].join('/');
    const key = `${request.method} ${pattern}`;
    const route = Object.hasOwn(routes, key) ? routes[key] : undefined;
    if (version !== 'v1' || route === undefined) throw notFound(`There is no ${key}.`);
    const body = await route({ ...call, id, query: url.searchParams });
    if (!response.headersSent) answer(response, 200, body);
  } catch (error) {
    const { status, body } = wireErrorOf(error);
    if (status === 500)
      log.error('a request failed', { path: request.url, causes: causesOf(error) });
    if (response.headersSent) response.destroy();
    else answer(response, status, body);
  }
}

function idDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid('The path is not encoded well.');
  }
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  const text = body === undefined ? '' : JSON.stringify(body);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
  });
  response.end(text);
}

async function bodyRead<T>(request: IncomingMessage): Promise<T> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of request) {
    sizeBytes += (chunk as Buffer).length;
    if (sizeBytes > bodyBytesMax) throw new Failure('too_large', 'The document is too large.');
    chunks.push(chunk as Buffer);
  }
  try {
    const body: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
    if (typeof body === 'object' && body !== null) return body as T;
  } catch {
    // Said below.
  }
  throw invalid('The body is no JSON object.');
}

async function ownBodyRead<T extends { id: string }>({ id, request }: RouteCall): Promise<T> {
  const body = await bodyRead<T>(request);
  if (body.id !== id) throw invalid(`The document is that of ${body.id}, not of ${id}.`);
  return body;
}

async function documentRead<T extends { id: string }>(
  call: RouteCall,
): Promise<{ body: T; digest: string }> {
  const digest = call.query.get('digest');
  if (digest === null) throw invalid('A document needs a digest.');
  return { body: await ownBodyRead<T>(call), digest };
}

function imageFactsRead(imageId: string, query: URLSearchParams): ImageFacts {
  const format = query.get('format');
  const sha512 = query.get('sha512') ?? '';
  if (format !== 'raw' && format !== 'qcow2') throw invalid('The format is raw or qcow2.');
  if (!/^[0-9a-f]{128}$/.test(sha512)) throw invalid('The checksum is no SHA-512.');
  return { imageId, format, sizeBytes: countOf(query.get('sizeBytes') ?? ''), sha512 };
}

function countOf(text: string): number {
  const count = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(count)) throw invalid(`${text} is no count.`);
  return count;
}

function foundOrThrow<T>(found: T | null, what: string, id: string): T {
  if (found === null) throw notFound(`There is no ${what} ${id} on this host.`);
  return found;
}

async function watchAnswer({ agent, request, response, stop }: RouteCall): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  request.resume();
  response.writeHead(200, { 'content-type': 'application/x-ndjson' });
  response.flushHeaders();
  const heartbeat = setInterval(() => response.write('\n'), heartbeatMs);
  try {
    for await (const report of agent.watch(AbortSignal.any([gone.signal, stop]))) {
      await written(response, `${JSON.stringify(report)}\n`);
    }
  } finally {
    clearInterval(heartbeat);
  }
  response.end();
}

async function snapshotAnswer({ agent, id, response }: RouteCall): Promise<void> {
  const snapshot = foundOrThrow(await agent.snapshotGet(id), 'snapshot', id);
  const bytes = agent.snapshotRead(id)[Symbol.asyncIterator]();
  // The first read says whether there is anything to send.
  let next = await bytes.next();
  response.writeHead(200, {
    'content-type': 'application/octet-stream',
    'content-length': snapshot.sizeBytes,
  });
  try {
    for (; next.done !== true; next = await bytes.next()) await written(response, next.value);
  } finally {
    await bytes.return?.();
  }
  response.end();
}

/** Resolves when there is room for more; a reader that left ends the stream. */
async function written(response: ServerResponse, chunk: string | Uint8Array): Promise<void> {
  if (response.destroyed) throw new Error('the reader is gone');
  if (response.write(chunk)) return;
  await Promise.race([once(response, 'drain'), once(response, 'close')]);
}
