import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Duplex } from 'node:stream';
import { causesOf } from '../../kernel/errors.ts';
import { requestIdHeaders, type Front, type FrontContext } from '../front.ts';
import type { ObjectWorld } from '../object.world.ts';
import { bodyRead, bodyReadWhole, hasBody } from './body-read.ts';
import { bodySend } from './body-send.ts';
import { connectionReplay, requestLineRepair, type ParserFault } from './raw-request-line.ts';

export interface ObjectServerOptions {
  readonly world: ObjectWorld;
  readonly swift: Front;
  readonly s3: Front;
  readonly tls: { readonly cert: string; readonly key: string } | null;
}

/** Bytes of a refused body that are still taken, so that the client reads the refusal instead of a broken connection. */
const lingerBytes = 1 << 20;

const limits = {
  // Swift allows 90 metadata headers of 128 + 256 bytes and as many others.
  maxHeaderSize: 64 << 10,
  headersTimeout: 20_000,
  keepAliveTimeout: 75_000,
  connectionsCheckingInterval: 5_000,
  // A large body may take hours; one that stalls is ended by its reader.
  requestTimeout: 0,
};

/** The listener of the object store: both APIs behind one port. */
export function objectServer({ world, swift, s3, tls }: ObjectServerOptions): Server {
  const answering = new WeakMap<Duplex, ServerResponse>();
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    answering.set(request.socket, response);
    void answer({ world, swift, s3, tls }, request, response);
  };
  const server =
    tls === null
      ? createServer(limits, listener)
      : (createTlsServer({ ...limits, ...tls }, listener) as unknown as Server);
  // The reader of the body asks for it: a refusal comes before gigabytes are sent in vain.
  server.on('checkContinue', listener);
  server.on('checkExpectation', (_request: IncomingMessage, response: ServerResponse) => {
    response.writeHead(417, { 'Content-Length': 0, Connection: 'close' }).end();
  });
  const replayed = new WeakSet<Duplex>();
  server.on('clientError', (error: ParserFault, socket: Duplex) => {
    // Its first parser waits in vain: another one reads the connection.
    if (replayed.has(socket)) return;
    const unanswered = answering.get(socket);
    const isFree =
      unanswered === undefined || (unanswered.req.complete && unanswered.writableFinished);
    const repaired = isFree ? requestLineRepair(error) : null;
    if (repaired !== null) {
      replayed.add(socket);
      connectionReplay(server, socket, repaired);
      return;
    }
    if (unanswered?.req.complete === true && !unanswered.writableFinished) {
      // A body without a length reads as a broken second request: the first one is answered first.
      unanswered.once('finish', () => socket.end());
      return;
    }
    // RFC 9112, section 6.1: the body cannot be read because of a coding that is unknown here.
    const isCoded = (unanswered?.req.headers['transfer-encoding'] ?? 'chunked') !== 'chunked';
    const status = isCoded
      ? '501 Not Implemented'
      : (clientErrors[error.code ?? ''] ?? '400 Bad Request');
    if (socket.writable && error.code !== 'ECONNRESET') {
      socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\n${refusalText(status)}`);
    } else {
      socket.destroy();
    }
  });
  return server;
}

const clientErrors: Readonly<Record<string, string>> = {
  HPE_INVALID_METHOD: '405 Method Not Allowed',
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};

const methodRefusal = `<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>MethodNotAllowed</Code><Message>The specified method is not allowed against this resource.</Message></Error>`;

/** Clients of S3 read what is wrong in the body. Which API a request that cannot be read is for, nobody can tell. */
const refusalText = (status: string): string =>
  status.startsWith('405')
    ? `Content-Type: application/xml\r\nContent-Length: ${methodRefusal.length}\r\n\r\n${methodRefusal}`
    : 'Content-Length: 0\r\n\r\n';

async function answer(
  options: ObjectServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { world, swift, s3, tls } = options;
  const startedMs = world.clock.now();
  const requestId = transIdOf(world.ids.hex(), startedMs);
  const log = world.log.with({ requestId });
  const context: FrontContext = {
    world,
    log,
    requestId,
    scheme: tls === null ? schemeOf(request) : 'https',
    remoteAddress: request.socket.remoteAddress ?? '',
    body: () => bodyRead(request, response),
    bodyWhole: (limitBytes) => bodyReadWhole(request, response, limitBytes),
    send: (chunks) => bodySend(response, chunks, log),
  };
  const front = isSwift(request, world) ? swift : s3;
  if (hasBody(request)) response.once('finish', () => rest(request));
  try {
    await front(request, response, context);
  } catch (error) {
    log.error('a request failed by a fault of ours', { causes: causesOf(error) });
    if (response.headersSent) response.destroy();
    else response.writeHead(500, { ...requestIdHeaders(requestId), 'Content-Length': 0 }).end();
  }
  log.info('request', {
    method: request.method,
    path: request.url?.split('?', 1)[0],
    status: response.statusCode,
    ms: world.clock.now() - startedMs,
  });
}

/** Clients and log readers of Swift find the time of a request at its end. */
const transIdOf = (hex: string, nowMs: number): string =>
  `tx${hex.slice(0, 21)}-${Math.floor(nowMs / 1000)
    .toString(16)
    .padStart(10, '0')}`;

const schemeOf = ({ headers }: IncomingMessage): string =>
  headers['x-forwarded-proto'] === 'https' ? 'https' : 'http';

/** Paths of the Swift API. Buckets of these names are reached by virtual hosts only. */
const swiftPath =
  /^(?:https?:\/\/[^/]*)?\/(?:v1|v1\.0|auth|info|healthcheck|crossdomain\.xml|endpoints)(?:[/?]|$)/;

function isSwift({ url = '/', headers }: IncomingMessage, { settings }: ObjectWorld): boolean {
  const host = (headers.host ?? '').replace(/:\d+$/, '').toLowerCase();
  const isBelow = (domain: string): boolean => host.endsWith(`.${domain}`);
  if (settings.s3Domains.some(isBelow)) return false;
  // Who shows a token speaks Swift, even on a path that is none of its.
  const hasToken = headers['x-auth-token'] !== undefined && headers.authorization === undefined;
  return hasToken || settings.swiftDomains.some(isBelow) || swiftPath.test(url);
}

/** What is left of a body nobody wants: little is taken, of more the connection is cut. */
function rest(request: IncomingMessage): void {
  if (request.complete || request.destroyed) return;
  let takenBytes = 0;
  request.on('data', (chunk: Buffer) => {
    takenBytes += chunk.length;
    if (takenBytes > lingerBytes) request.destroy();
  });
  request.setTimeout(5_000, () => request.destroy());
  request.resume();
}
