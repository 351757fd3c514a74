import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { Failure, unavailable } from '../../kernel/errors.ts';

/** How long a store may say nothing. */
const stallMs = 60_000;

export interface StoreAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Once; who does not want it must `discard`. */
  readonly body: AsyncIterable<Uint8Array>;
  discard(): void;
}

export interface StoreRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | AsyncIterable<Uint8Array>;
}

export type StoreClient = (request: StoreRequest) => Promise<StoreAnswer>;

export const storeDown = (cause?: unknown): Failure =>
  unavailable('The image store does not answer.', { cause });

/** `ca`: PEM of an authority that the system does not know. Whatever goes wrong on the way is `unavailable`. */
export function storeClientOpen(ca: string | null): StoreClient {
  const options = { keepAlive: true, maxSockets: 32, timeout: stallMs };
  const http = new HttpAgent(options);
  const https = new HttpsAgent(ca === null ? options : { ...options, ca });
  return ({ method, url, headers, body }) =>
    new Promise((resolve, reject) => {
      const isTls = url.protocol === 'https:';
      const send = isTls ? httpsRequest : httpRequest;
      const request = send(url, {
        method,
        headers: {
          ...headers,
          ...(body instanceof Uint8Array && { 'Content-Length': body.length }),
        },
        agent: isTls ? https : http,
        timeout: stallMs,
      });
      request.on('timeout', () => request.destroy(new Error('no answer in time')));
      request.on('error', (cause) => reject(storeDown(cause)));
      request.on('response', (response) => resolve(answerOf(response)));
      if (body === undefined || body instanceof Uint8Array) request.end(body);
      else
        bodySend(body, request).catch((error: unknown) => {
          request.destroy();
          reject(error instanceof Error ? error : new Error(String(error)));
        });
    });
}

async function bodySend(
  body: AsyncIterable<Uint8Array>,
  request: ReturnType<typeof httpRequest>,
): Promise<void> {
  for await (const chunk of body) {
    await new Promise<void>((resolve, reject) => {
      request.write(chunk, (error) => (error ? reject(storeDown(error)) : resolve()));
    });
  }
  request.end();
}

const answerOf = (response: IncomingMessage): StoreAnswer => ({
  status: response.statusCode ?? 0,
  headers: Object.fromEntries(
    Object.entries(response.headers).flatMap(([name, value]) =>
      typeof value === 'string' ? [[name, value]] : [],
    ),
  ),
  body: bodyOf(response),
  discard: () => void response.resume(),
});

async function* bodyOf(response: IncomingMessage): AsyncIterable<Uint8Array> {
  try {
    for await (const chunk of response) yield chunk as Uint8Array;
  } catch (cause) {
    throw storeDown(cause);
  }
  if (!response.complete) throw storeDown(new Error('the answer ended too early'));
}

const textLimitBytes = 16 << 20;

export async function answerText({ body }: StoreAnswer): Promise<string> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of body) {
    sizeBytes += chunk.length;
    if (sizeBytes > textLimitBytes) throw storeDown(new Error('the answer is too long'));
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

/** A connection that breaks in the middle is taken up where it broke; `open` gives the bytes from an offset on. */
export async function* readResumed(
  { offset, lengthBytes }: { readonly offset: number; readonly lengthBytes: number },
  open: (offset: number, lengthBytes: number) => Promise<AsyncIterable<Uint8Array>>,
): AsyncIterable<Uint8Array> {
  let done = 0;
  for (let failures = 0; done < lengthBytes;) {
    const before = done;
    try {
      for await (const chunk of await open(offset + done, lengthBytes - done)) {
        const part = chunk.subarray(0, lengthBytes - done);
        done += part.length;
        yield part;
      }
      if (done === before) throw storeDown(new Error('the store sent nothing'));
    } catch (error) {
      failures = done > before ? 1 : failures + 1;
      if (failures >= 3) throw error;
    }
  }
}
