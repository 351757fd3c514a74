import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Log } from '../kernel/log.ts';
import type { ObjectWorld } from './object.world.ts';

/** One of the two APIs: answers a request whole, its failures included. What it throws is a bug of ours: a bare 500. */
export type Front = (
  request: IncomingMessage,
  response: ServerResponse,
  context: FrontContext,
) => Promise<void>;

/** Part of the one list of headers that an answer is begun with: setting them one by one costs more. */
export const requestIdHeaders = (requestId: string): Record<string, string> => ({
  'X-Trans-Id': requestId,
  'X-Openstack-Request-Id': requestId,
});

export interface FrontContext {
  readonly world: ObjectWorld;
  /** With the request's id. */
  readonly log: Log;
  /** As Swift's, `tx123456789012345678901-0065a1b2c3`. Every answer has `requestIdHeaders`. */
  readonly requestId: string;
  /** `http` or `https`. */
  readonly scheme: string;
  readonly remoteAddress: string;
  /**
   * The body as it comes; asks the client to go on (`100 Continue`) when first read. A client that leaves or stalls is
   * an `invalid` failure, type `IncompleteBody` or `RequestTimeout`. Chunks are the reader's to keep.
   */
  body(): AsyncIterable<Uint8Array>;
  /** A small body whole; throws `too_large` beyond the limit. */
  bodyWhole(limitBytes: number): Promise<Buffer>;
  /** Sends chunks in constant memory, ends the answer; head was written before. Cuts the connection when the source fails. */
  send(chunks: AsyncIterable<Uint8Array>): Promise<void>;
}
