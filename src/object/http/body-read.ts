import type { IncomingMessage, ServerResponse } from 'node:http';
import { MemoryBudget, type MemoryShare } from '../blob/memory-budget.ts';
import { Failure, invalid, unavailable } from '../../kernel/errors.ts';

/** How long a client may send nothing in the middle of a body. */
const stallMs = 60_000;

/** Of bodies that are taken whole, over all connections. */
export const wholeMemory = new MemoryBudget(64 << 20);

/** See `FrontContext.body`. */
export async function* bodyRead(
  request: IncomingMessage,
  response: ServerResponse,
): AsyncIterable<Uint8Array> {
  continueAsk(request, response);
  if (!hasBody(request)) return;
  let isStalled = false;
  request.setTimeout(stallMs, () => {
    isStalled = true;
    request.destroy(new Error('the client stalled'));
  });
  const incomplete = (cause?: unknown): Failure =>
    invalid('The request body ended before it was complete.', {
      type: isStalled ? 'RequestTimeout' : 'IncompleteBody',
      cause,
    });
  try {
    // Whoever stops reading still answers: the connection must outlive this loop.
    for await (const chunk of request.iterator({ destroyOnReturn: false })) yield chunk as Buffer;
  } catch (cause) {
    throw incomplete(cause);
  } finally {
    request.setTimeout(0);
  }
  if (!request.complete) throw incomplete();
}

export async function bodyReadWhole(
  request: IncomingMessage,
  response: ServerResponse,
  limitBytes: number,
): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > limitBytes) throw tooLarge(limitBytes);
  const share = wholeMemory.share();
  response.once('close', () => share.give());
  return wholeRead(bodyRead(request, response), limitBytes, share);
}

async function wholeRead(
  body: AsyncIterable<Uint8Array>,
  limitBytes: number,
  share: MemoryShare,
): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of body) {
    sizeBytes += chunk.length;
    if (sizeBytes > limitBytes) throw tooLarge(limitBytes);
    if (!share.take(chunk.length)) throw unavailable('Too many bodies are on their way.');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** RFC 9110, section 10.1.1: the client waits for this before it sends. */
function continueAsk(request: IncomingMessage, response: ServerResponse): void {
  if (request.headers.expect?.toLowerCase() !== '100-continue') return;
  if (response.headersSent || request.httpVersionMinor < 1) return;
  response.writeContinue();
}

/** RFC 9112, section 6.3: a request that announces no body has none. */
export const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;

const tooLarge = (limitBytes: number): Failure =>
  new Failure('too_large', `The request body is larger than ${limitBytes} bytes.`, {
    type: 'EntityTooLarge',
  });
