import type { IncomingMessage } from 'node:http';
import { Failure, invalid } from '../errors.ts';

/** How long a client may send nothing in the middle of a body. */
const stallMs = 60_000;

/** The bytes of a body as they come; a client that stalls or leaves is a failure, never a short body. */
export async function* bodyStream(request: IncomingMessage): AsyncIterable<Buffer> {
  if (!isAnnounced(request)) return;
  request.setTimeout(stallMs, () => request.destroy(new Error('the client stalled')));
  try {
    // A handler that stops reading still answers: the connection must outlive its loop.
    for await (const chunk of request.iterator({ destroyOnReturn: false })) yield chunk as Buffer;
  } catch (cause) {
    throw cutShort(cause);
  }
  if (!request.complete) throw cutShort();
}

/** A short body, whole. Listeners instead of an iterator: most requests with a body come here. */
export async function bodyBytes(request: IncomingMessage, limitBytes: number): Promise<Buffer> {
  if (!isAnnounced(request)) return Buffer.alloc(0);
  if (Number(request.headers['content-length'] ?? 0) > limitBytes) throw tooLarge(limitBytes);
  if (request.destroyed) throw cutShort();
  request.setTimeout(stallMs, () => request.destroy(new Error('the client stalled')));
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const take = (chunk: Buffer): void => {
    sizeBytes += chunk.length;
    if (sizeBytes > limitBytes) reject(tooLarge(limitBytes));
    else chunks.push(chunk);
  };
  // Every request closes, most of them whole.
  const end = (): void => (request.complete ? resolve() : reject(cutShort()));
  const cut = (cause: unknown): void => reject(cutShort(cause));
  request.on('data', take).once('end', end).once('error', cut).once('close', end);
  try {
    await promise;
  } finally {
    request.off('data', take).off('end', end).off('error', cut).off('close', end);
    request.pause();
  }
  return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
}

/** RFC 9112, section 6.3: a request that announces no body has none. */
const isAnnounced = ({ headers }: IncomingMessage): boolean =>
  headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;

const cutShort = (cause?: unknown): Failure =>
  invalid('The request body ended before it was complete.', { cause });

const tooLarge = (limitBytes: number): Failure =>
  new Failure('too_large', `The request body is larger than ${limitBytes} bytes.`);

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Nothing that is refused below can be in a text without one of these. */
const suspicious = /\\u|__proto__|\0/;

/** Undefined for an empty body. Keys that would reach a prototype are refused. */
export function jsonParse(bytes: Buffer): unknown {
  if (bytes.length === 0) return undefined;
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch (cause) {
    throw invalid('The request body is not valid UTF-8.', { cause });
  }
  try {
    if (!suspicious.test(text)) return JSON.parse(text);
    return JSON.parse(text, (key, value: unknown) => {
      if (key === '__proto__') throw new SyntaxError('the key __proto__ is not allowed');
      // PostgreSQL has no text with a null character in it, and nobody means one.
      if (key.includes('\0') || (typeof value === 'string' && value.includes('\0'))) {
        throw new SyntaxError('null characters are not allowed');
      }
      return value;
    });
  } catch (cause) {
    throw invalid('The request body is malformed: it is no valid JSON.', { cause });
  }
}
