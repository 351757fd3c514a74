/** A Keystone and a Swift as far as the image store talks to them: tokens, objects, static large objects, ranges. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface SwiftPeer extends AsyncDisposable {
  readonly url: string;
  readonly objects: Map<string, Buffer>;
  /** Tokens given out so far are refused from now on. */
  expire(): void;
  /** 503 for everything while true. */
  isDown: boolean;
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

const md5 = (bytes: Buffer): string => createHash('md5').update(bytes).digest('hex');

export async function swiftPeer(): Promise<SwiftPeer> {
  const objects = new Map<string, Buffer>();
  let containers = 0;
  let token = 1;
  const peer = { isDown: false };
  const logIn = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { auth } = JSON.parse((await bodyOf(request)).toString());
    if (auth.identity.password.user.password !== 'right') {
      response.writeHead(401).end('{}');
      return;
    }
    const endpoints = [
      { interface: 'admin', region_id: 'one', url: 'http://nowhere.invalid' },
      { interface: 'public', region_id: 'one', url: `${url}/v1/AUTH_x` },
    ];
    const catalog = [{ type: 'object-store', endpoints }];
    response.writeHead(201, { 'X-Subject-Token': `t${token}` });
    response.end(JSON.stringify({ token: { catalog } }));
  };
  const put = async (name: string, asked: URL, request: IncomingMessage): Promise<string> => {
    const body = await bodyOf(request);
    if (asked.searchParams.get('multipart-manifest') !== 'put') {
      objects.set(name, body);
      return md5(body);
    }
    const segments = (JSON.parse(body.toString()) as Record<string, string>[]).map((one) => {
      const segment = objects.get((one['path'] ?? '').replace('/images/', ''));
      if (segment === undefined || md5(segment) !== one['etag']) throw new Error('bad manifest');
      return segment;
    });
    objects.set(name, Buffer.concat(segments));
    return 'slo';
  };
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const asked = new URL(request.url ?? '/', url);
    if (peer.isDown) return void response.writeHead(503).end();
    if (asked.pathname === '/v3/auth/tokens') return logIn(request, response);
    if (request.headers['x-auth-token'] !== `t${token}`) {
      return void response.writeHead(401).end();
    }
    const [, name] =
      /^\/v1\/AUTH_x\/images(?:\/(.*))?$/.exec(decodeURIComponent(asked.pathname)) ?? [];
    if (name === undefined) {
      if (request.method === 'PUT') containers++;
      if (containers === 0 || request.method === 'PUT') {
        return void response.writeHead(request.method === 'PUT' ? 201 : 404).end();
      }
      const [prefix, marker] = ['prefix', 'marker'].map((one) => asked.searchParams.get(one) ?? '');
      const names = [...objects.keys()]
        .filter((one) => one.startsWith(prefix ?? '') && one > (marker ?? ''))
        .toSorted();
      return void response.writeHead(200).end(JSON.stringify(names.map((one) => ({ name: one }))));
    }
    if (request.method === 'PUT') {
      return void response.writeHead(201, { ETag: await put(name, asked, request) }).end();
    }
    const found = objects.get(name);
    if (found === undefined) return void response.writeHead(404).end();
    if (request.method === 'DELETE') {
      objects.delete(name);
      return void response.writeHead(204).end();
    }
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
    const part = from === undefined ? found : found.subarray(Number(from), Number(to) + 1);
    response.writeHead(from === undefined ? 200 : 206, { 'Content-Length': part.length });
    response.end(request.method === 'HEAD' ? undefined : part);
  };
  const server = createServer((request, response) => {
    serve(request, response).catch((error: unknown) => response.writeHead(400).end(String(error)));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return Object.assign(peer, {
    url,
    objects,
    expire: () => void token++,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  });
}
