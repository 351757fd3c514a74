import { bufferPages } from './buffer-pages.ts';

/**
 * Gives the memory of a chunk back without waiting for the garbage collector: halves the cost of receiving large
 * bodies, and more than halves that of sending them. Only for chunks that nobody else holds, and on which no write is
 * under way. A chunk that is part of a larger buffer is left to the collector.
 */
export function bufferFree(chunk: Uint8Array): void {
  const { buffer, byteLength } = chunk;
  if (!(buffer instanceof ArrayBuffer) || buffer.byteLength !== byteLength) return;
  // Once: who frees it again frees somebody else's.
  if (!taken.delete(buffer)) buffer.transfer(0);
  else if (kept.length < keptMost) kept.push(buffer);
}

const pooledBytes = 1 << 20;
const keptMost = 4;
const kept: ArrayBuffer[] = [];
const taken = new WeakSet<ArrayBuffer>();

/** 1 MiB in whole pages, with anything in it: what was freed, which spares the kernel the zeroing of new pages. */
export function bufferTake(): Buffer<ArrayBuffer> {
  const buffer = kept.pop() ?? bufferPages(pooledBytes).buffer;
  taken.add(buffer);
  return Buffer.from(buffer, 0, pooledBytes);
}
