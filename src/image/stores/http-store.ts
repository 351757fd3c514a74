import type { Clock } from '../../kernel/clock.ts';
import { Failure } from '../../kernel/errors.ts';
import type { DownloadRules } from '../import/address-guard.ts';
import { webFetch } from '../import/web-fetch.ts';
import type { ImageStore } from './image-store.ts';
import { readResumed, storeDown } from './store-http.ts';

export interface HttpStoreOptions {
  readonly id: string;
  readonly rules: DownloadRules;
  readonly clock: Clock;
}

/**
 * Images that lie at an address of the web and stay there. A key is the address and, so that two images can have one
 * address, a fragment, which no server sees. Nothing is written or removed.
 */
export function httpStore({ id, rules, clock }: HttpStoreOptions): ImageStore {
  const never = new AbortController().signal;
  const fetched = async (url: string, offset: number, lengthBytes: number) => {
    try {
      const range = `bytes=${offset}-${offset + lengthBytes - 1}`;
      return await webFetch(url, { rules, clock, signal: never, range });
    } catch (error) {
      throw error instanceof Failure ? storeDown(error) : error;
    }
  };
  return {
    id,
    type: 'http',
    description: 'Addresses of the web',
    properties: {},
    urlOf: (key) => key.replace(/#[^#]*$/, ''),
    write: () => Promise.reject(new Failure('invalid', `The store ${id} takes no bytes.`)),
    async sizeOf(url) {
      const first = await fetched(url, 0, 1);
      first.discard();
      return first.totalBytes;
    },
    read: (url, offset, lengthBytes) =>
      readResumed({ offset, lengthBytes }, async (from, length) => {
        const { bytes, isPartial } = await fetched(url, from, length);
        return isPartial ? bytes : skipped(bytes, from);
      }),
    remove: async () => {},
    async *keys() {},
  };
}

/** A server without ranges sends all of it. */
async function* skipped(
  bytes: AsyncIterable<Uint8Array>,
  count: number,
): AsyncIterable<Uint8Array> {
  let left = count;
  for await (const chunk of bytes) {
    if (left < chunk.length) yield chunk.subarray(left);
    left = Math.max(0, left - chunk.length);
  }
}
