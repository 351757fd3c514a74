/** The metadata service of all tenant networks: one HTTP server over the sockets of every namespace. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { isUtf8 } from 'node:buffer';
import type { Socket } from 'node:net';
import { isPasswordPath } from '../../metadata.ts';
import type { PasswordBox } from '../../server/password-box.ts';
import type { MetadataGuest } from '../host-network.ts';
import { addressCanonical } from '../addresses.ts';

/** The guest at an address of a network; null when there is none. */
export type MetadataLookup = (networkId: string, source: string) => MetadataGuest | null;

export interface MetadataServer {
  accept(networkId: string, socket: Socket): void;
  close(): void;
}

/** As much as Nova keeps: enough for what a key of 4096 bits makes of a password. */
const passwordBytesMax = 1020;

/** No guest needs more, and none may use up the host's sockets. */
const connectionsMax = 64;

export function metadataServerOpen(lookup: MetadataLookup): MetadataServer {
  const peers = new WeakMap<Socket, Peer>();
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
      answer(peers.get(request.socket), request, response).catch(() =>
        response.headersSent ? response.destroy() : send(request, response, { status: 500 }),
      );
    },
  );
  return {
    accept(networkId, socket) {
      const source = sourceOf(socket);
      if (source === null) return void socket.destroy();
      const key = `${networkId} ${source}`;
      const sockets = open.get(key) ?? new Set();
      if (sockets.size >= connectionsMax) return void socket.destroy();
      open.set(key, sockets.add(socket));
      peers.set(socket, { networkId, source });
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

  async function answer(
    peer: Peer | undefined,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const [url = ''] = (request.url ?? '').split('?', 1);
    const path = pathCanonical(url);
    const guest = peer === undefined ? null : lookup(peer.networkId, peer.source);
    const body = guest?.tree.get(path);
    if (guest !== null && body !== undefined && isPasswordPath(path))
      return send(request, response, await passwordReply(guest.password, request));
    request.resume();
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return send(request, response, { status: 405 });
    if (body === undefined) send(request, response, { status: 404, body: 'Not Found\n' });
    else send(request, response, { status: 200, body });
  }
}

interface Peer {
  readonly networkId: string;
  readonly source: string;
}

interface Reply {
  readonly status: number;
  readonly body?: string | Uint8Array;
}

async function passwordReply(box: PasswordBox, request: IncomingMessage): Promise<Reply> {
  if (request.method === 'GET') {
    request.resume();
    return { status: 200, body: await box.read() };
  }
  if (request.method !== 'POST') {
    request.resume();
    return { status: 400, body: 'GET and POST only are supported.\n' };
  }
  const password = await passwordOf(request);
  if (password === null) return { status: 400, body: 'This is no password.\n' };
  return (await box.leave(password))
    ? { status: 200 }
    : { status: 409, body: 'There is a password already.\n' };
}

/** Null: too long, or no text. */
async function passwordOf(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length;
    if (sizeBytes <= passwordBytesMax) chunks.push(chunk);
  }
  const bytes = Buffer.concat(chunks);
  return sizeBytes <= passwordBytesMax && isUtf8(bytes) ? bytes.toString('utf8') : null;
}

function send(
  request: IncomingMessage,
  response: ServerResponse,
  { status, body = '' }: Reply,
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

/** Null: the peer is gone, or it came through an interface that Node knows no name of. */
function sourceOf(socket: Socket): string | null {
  try {
    const address = (socket.remoteAddress ?? '').replace(/^::ffff:/, '').split('%')[0] ?? '';
    return address === '' ? null : addressCanonical(address);
  } catch {
    return null;
  }
}
