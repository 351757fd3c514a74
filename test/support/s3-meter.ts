/** Stands before an S3 service: counts what is read of it, and can be down. */
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface S3Meter extends AsyncDisposable {
  readonly port: number;
  /** Paths of all objects that were read, as often as they were. */
  readonly reads: string[];
  isDown: boolean;
}

export async function s3Meter(servicePort: number): Promise<S3Meter> {
  const server = createServer((asked, answer) => {
    if (meter.isDown) {
      asked.socket.destroy();
      return;
    }
    const { method = 'GET', url: path = '/', headers } = asked;
    if (method === 'GET' && !path.includes('?')) meter.reads.push(path);
    const sent = request({ host: '127.0.0.1', port: servicePort, method, path, headers });
    sent.on('response', (response) => {
      answer.writeHead(response.statusCode ?? 500, response.headers);
      response.pipe(answer);
    });
    sent.on('error', () => answer.destroy());
    asked.pipe(sent);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const meter: S3Meter = {
    port: (server.address() as AddressInfo).port,
    reads: [],
    isDown: false,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return meter;
}
