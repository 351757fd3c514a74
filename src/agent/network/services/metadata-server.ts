/** The metadata service of all tenant networks: one HTTP server over the sockets of every namespace. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { addressCanonical } from '../addresses.ts';

/** Path to body for the guest at an address of a network; null when there is no such guest. */
export type MetadataLookup = (
  networkId: string,
  source: string,
) => ReadonlyMap<string, string | Uint8Array> | null;

export interface MetadataServer {
  accept(networkId: string, socket: Socket): void;
  close(): void;
}

/** No guest needs more, and none may use up the host's sockets. */
const connectionsMax = 64;

export function metadataServerOpen(lookup: MetadataLookup): MetadataServer {
  const networkOf = new WeakMap<Socket, string>();
  const open = new Map<string, Set<Socket>>();
  const server = createServer(
    {
      maxHeaderSize: 8192,
      headersTimeout: 10_000,
      requestTimeout: 15_000,
      keepAliveTimeout: 5_000,
      connectionsCheckingInterval: 5_000,
    },
    (request, response) => {
      answer(networkOf.get(request.socket) ?? '', request, response);
    },
  );
  return {
    accept(networkId, socket) {
      const key = `${networkId} ${socket.remoteAddress ?? ''}`;
      const sockets = open.get(key) ?? new Set();
      if (sockets.size >= connectionsMax) return void socket.destroy();
      open.set(key, sockets.add(socket));
      networkOf.set(socket, networkId);
      socket.on('close', () => {
        sockets.delete(socket);
        if (sockets.size === 0) open.delete(key);
      });
      server.emit('connection', socket);
    },
    close() {
      server.closeAllConnections();
      for (const sockets of open.values()) for (const socket of sockets) socket.destroy();
      server.close();
    },
  };

  function answer(networkId: string, request: IncomingMessage, response: ServerResponse): void {
    request.resume();
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return send(request, response, 405, '');
    const source = sourceOf(request.socket);
    const [path = ''] = (request.url ?? '').split('?', 1);
    const body = lookup(networkId, source)?.get(pathCanonical(path));
    if (body === undefined) send(request, response, 404, 'Not Found\n');
    else send(request, response, 200, body);
  }
}

function send(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  body: string | Uint8Array,
): void {
  const bytes = Buffer.from(body);
  const type = (request.url ?? '').endsWith('.json')
    ? 'application/json'
    : 'text/plain; charset=utf-8';
  response.writeHead(status, { 'content-type': type, 'content-length': bytes.length });
  response.end(request.method === 'HEAD' ? undefined : bytes);
}

/** A listing is the same with and without a slash at the end. */
const pathCanonical = (path: string): string => path.replaceAll(/\/{2,}/g, '/').replace(/\/$/, '');

function sourceOf(socket: Socket): string {
  const address = (socket.remoteAddress ?? '').replace(/^::ffff:/, '').split('%')[0] ?? '';
  return address === '' ? '' : addressCanonical(address);
}
