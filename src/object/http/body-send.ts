import type { ServerResponse } from 'node:http';
import { getDefaultHighWaterMark } from 'node:stream';
import { bufferFree } from '../../kernel/buffer-free.ts';
import { causesOf } from '../../kernel/errors.ts';
import { drained } from '../../kernel/http/drained.ts';
import type { Log } from '../../kernel/log.ts';

/** No high-water mark is above it: of so large a chunk nothing is under way once its stream has drained. */
const freedBytes = getDefaultHighWaterMark(false);
/** A client that takes nothing for so long has left. */
const stallMs = 60_000;

/** See `FrontContext.send`. */
export async function bodySend(
  response: ServerResponse,
  chunks: AsyncIterable<Uint8Array>,
  log: Log,
): Promise<void> {
  response.setTimeout(stallMs, () => response.destroy());
  try {
    for await (const chunk of chunks) {
      if (response.destroyed) return;
      if (response.write(chunk)) continue;
      const isDrained = await drained(response);
      if (!isDrained) return;
      if (chunk.length >= freedBytes) bufferFree(chunk);
    }
    response.end();
  } catch (error) {
    // The status was sent; only a broken connection says that this is not all.
    log.error('an answer could not be sent whole', { causes: causesOf(error) });
    response.destroy();
  }
}
