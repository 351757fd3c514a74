import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { objectServer } from '../../src/object/http/object-server.ts';
import { requestLineRepair } from '../../src/object/http/raw-request-line.ts';
import { storeOpen, type TestStore } from './world.ts';

describe('a request line with bytes above 0x7F', () => {
  let store: TestStore;
  let server: Server;

  before(async () => {
    store = await storeOpen();
    server = objectServer({
      world: store.world,
      s3: async (request, response, context) => {
        const body = await context.bodyWhole(1 << 20);
        response.end(`${request.method} ${request.url} ${body.length};`);
      },
      swift: async () => {},
      tls: null,
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });

  after(async () => {
    server.close();
    server.closeAllConnections();
    await store[Symbol.asyncDispose]();
  });

  /** Sends each packet once what is expected of the one before has come. */
  async function talk(packets: readonly (readonly [packet: string, reply: RegExp])[]) {
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    let heard = '';
    socket.on('data', (chunk) => (heard += chunk.toString('latin1')));
    for (const [packet, reply] of packets) {
      socket.write(Buffer.from(packet));
      heard = '';
      while (!reply.test(heard)) await once(socket, 'data');
    }
    socket.destroy();
  }

  const put = (path: string, body: string): string =>
    `PUT ${path} HTTP/1.1\r\nHost: h\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

  test('is served as if the client had quoted it, on a connection that goes on', async () => {
    await talk([
      [put('/plain', 'a'), /PUT \/plain 1;/],
      [put('/b/ü?x=ö', 'abc'), /PUT \/b\/%C3%BC\?x=%C3%B6 3;/],
      [put('/b/€', 'abcd'), /PUT \/b\/%E2%82%AC 4;/],
      [put('/plain', 'ab'), /PUT \/plain 2;/],
    ]);
  });

  test('may be followed by a body in packets of its own', async () => {
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    socket.write(
      'PUT /ü HTTP/1.1\r\nHost: h\r\nContent-Length: 200000\r\nExpect: 100-continue\r\n\r\n',
    );
    const [first] = (await once(socket, 'data')) as [Buffer];
    assert.match(first.toString(), /^HTTP\/1.1 100 Continue/);
    socket.write(Buffer.alloc(200_000));
    let heard = '';
    for await (const chunk of socket) {
      heard += String(chunk);
      if (heard.includes('PUT /%C3%BC 200000;')) break;
    }
  });

  test('is refused where the same packet holds the end of another request', async () => {
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    socket.write('PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\n');
    socket.write('GET /aGET /ü HTTP/1.1\r\nHost: h\r\n\r\n');
    const heard = String(Buffer.concat((await socket.toArray()) as Buffer[]));
    assert.match(heard, /PUT \/a 6;$/);
  });

  const fault = (packet: string, bytesParsed: number, code = 'HPE_INVALID_URL') =>
    Object.assign(new Error(), { code, bytesParsed, rawPacket: Buffer.from(packet) });

  test('is repaired only where it begins the packet and is whole', () => {
    const repaired = requestLineRepair(fault('GET /ü HTTP/1.1\r\nX: ü\r\n\r\n', 5));
    assert.equal(repaired?.toString(), 'GET /%C3%BC HTTP/1.1\r\nX: ü\r\n\r\n');
    for (const other of [
      fault('GET /ü HTTP/1.1\r\n\r\n', 4),
      fault('GET /ü HTTP/1.1', 5),
      fault('abcGET /ü HTTP/1.1\r\n\r\n', 8),
      fault('GET / HTTP/1.1\r\nX: ü\r\n\r\n', 19),
      fault('GET /ü HTTP/1.1\nX: y HTTP/1.1\r\n\r\n', 5),
      fault('GET /ü HTTP/1.1\r\n\r\n', 5, 'HPE_INVALID_HEADER_TOKEN'),
    ]) {
      assert.equal(requestLineRepair(other), null);
    }
  });
});
