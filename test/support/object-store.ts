import { spawn, type ChildProcess } from 'node:child_process';
import { createHash, createHmac } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, request, type IncomingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { freePort } from './free-port.ts';

export interface StoreProgram extends AsyncDisposable {
  readonly folder: string;
  readonly port: number;
  readonly client: S3Client;
  /** The program, and its workers when it has several. */
  readonly pids: () => readonly number[];
  /** From the program itself to its workers; resolves when it serves again. */
  restart(): Promise<void>;
  readonly child: () => ChildProcess;
}

export interface StoreProgramOptions {
  readonly workers?: number;
  readonly folder?: string;
  readonly port?: number;
  readonly words?: readonly string[];
}

/** Of a store program's owner. */
export const storeKeys = { access: 'TESTACCESS', secret: 'testsecret' } as const;

export interface AccessKeys {
  readonly access: string;
  readonly secret: string;
}

/** `welkin object` on a folder and a port of its own, with one access key. */
export async function storeProgram(options: StoreProgramOptions = {}): Promise<StoreProgram> {
  const own = options.folder === undefined;
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'welkin-store-'));
  const port = options.port ?? (await freePort());
  const { workers = 1, words = [] } = options;
  let child = await started(folder, port, [...words, '--workers', String(workers)]);
  const client = new S3Client(port);
  return {
    folder,
    port,
    client,
    child: () => child,
    pids: () => pidsBelow(child.pid ?? 0),
    restart: async () => {
      child = await started(folder, port, [...words, '--workers', String(workers)]);
    },
    async [Symbol.asyncDispose]() {
      client.close();
      if (child.exitCode === null && child.signalCode === null) {
        const ended = once(child, 'exit');
        child.kill('SIGTERM');
        await ended;
      }
      if (own) rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function started(
  folder: string,
  port: number,
  words: readonly string[],
): Promise<ChildProcess> {
  const argv = ['src/main.ts', 'object', '--data', folder, '--listen', `127.0.0.1:${port}`];
  const key = ['--s3-key', `${storeKeys.access}:${storeKeys.secret}`];
  const child = spawn(process.execPath, [...argv, ...key, ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let last = '';
  child.stderr.on('data', (bytes: Buffer) => (last = (last + bytes.toString()).slice(-4000)));
  const lines = createInterface({ input: child.stdout });
  const served = once(lines, 'line').then(() => true);
  const ended = once(child, 'exit').then(() => false);
  if (await Promise.race([served, ended])) return child;
  throw new Error(`the store did not start: ${last}`);
}

/** The store itself, or the workers it has started. */
function pidsBelow(pid: number): readonly number[] {
  const path = `/proc/${pid}/task/${pid}/children`;
  const below = process.getBuiltinModule('fs').readFileSync(path, 'utf8').trim();
  return below === '' ? [pid] : below.split(' ').map(Number);
}

export interface S3Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface S3Ask {
  readonly method: string;
  /** `/bucket/key`, encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer;
}

/** Signs by AWS signature V4 in the headers, with an unsigned payload; keeps its connections. */
export class S3Client {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 });
  readonly #port: number;
  readonly #keys: AccessKeys;

  constructor(port: number, keys: AccessKeys = storeKeys) {
    this.#port = port;
    this.#keys = keys;
  }

  close(): void {
    this.#agent.destroy();
  }

  async ask(asked: S3Ask): Promise<S3Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<S3Answer>();
    const headers = headersSigned(this.#port, this.#keys, asked);
    const query = queryText(asked.query ?? {});
    const path = query === '' ? asked.path : `${asked.path}?${query}`;
    const { method, body } = asked;
    const sent = request(
      { agent: this.#agent, port: this.#port, host: '127.0.0.1', method, path, headers },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.once('error', reject);
        answer.once('end', () =>
          resolve({
            status: answer.statusCode ?? 0,
            headers: answer.headers,
            body: Buffer.concat(chunks),
          }),
        );
      },
    );
    sent.once('error', reject);
    sent.setTimeout(60_000, () => sent.destroy(new Error('no answer')));
    sent.end(body);
    return promise;
  }
}

const queryText = (query: Readonly<Record<string, string>>): string =>
  Object.entries(query)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .join('&');

export function headersSigned(port: number, { access, secret }: AccessKeys, asked: S3Ask) {
  const { method, path, query = {}, headers = {}, body } = asked;
  const time = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  const scope = `${time.slice(0, 8)}/us-east-1/s3/aws4_request`;
  const all: Record<string, string> = {
    ...headers,
    host: `127.0.0.1:${port}`,
    'x-amz-content-sha256': 'UNSIGNED-PAYLOAD',
    'x-amz-date': time,
  };
  const names = Object.keys(all).toSorted();
  const canonical = [
    method,
    path,
    queryText(query),
    ...names.map((name) => `${name}:${all[name]}`),
    '',
    names.join(';'),
    'UNSIGNED-PAYLOAD',
  ].join('\n');
  const digest = createHash('sha256').update(canonical).digest('hex');
  const hmac = (key: string | Buffer, text: string): Buffer =>
    createHmac('sha256', key).update(text).digest();
  const key = ['us-east-1', 's3', 'aws4_request'].reduce(
    hmac,
    hmac(`AWS4${secret}`, time.slice(0, 8)),
  );
  const text = ['AWS4-HMAC-SHA256', time, scope, digest].join('\n');
  const signature = hmac(key, text).toString('hex');
  return {
    ...all,
    ...(body !== undefined && { 'content-length': String(body.length) }),
    authorization: `AWS4-HMAC-SHA256 Credential=${access}/${scope}, SignedHeaders=${names.join(';')}, Signature=${signature}`,
  };
}
