import { bufferFree } from '../kernel/buffer-free.ts';
import { bufferPagesShared } from '../kernel/buffer-pages.ts';
import { hashingOpen, threadsWorthBytes, type Algorithm, type Hashing } from './hashing.ts';
import type { StoreWriter } from './stores/image-store.ts';

const bufferBytes = 1 << 20;
/** One fills while others are hashed and written: what an upload costs of memory. */
const bufferMost = 3;

export interface Pumped {
  readonly sizeBytes: number;
  readonly hashes: Partial<Readonly<Record<Algorithm, string>>>;
}

export interface PumpOptions {
  readonly algorithms: readonly Algorithm[];
  /** How many bytes will come, if that is known. */
  readonly sizeBytes: number | null;
  /** The chunks are nobody else's: their memory is given back at once, which halves the cost of receiving. */
  readonly isOwned: boolean;
  /** Throws when there are too many of them, or nobody wants them any more. */
  readonly check: (sizeBytes: number) => void;
  /** Sees every byte in its order; the chunks are at first as large as may be. */
  readonly onChunk: (chunk: Uint8Array, offset: number) => void;
}

interface Slot {
  readonly buffer: Buffer<SharedArrayBuffer>;
  /** Resolves when what was in it is hashed and written. */
  free: Promise<unknown>;
}

/** Brings bytes to a store, in large pieces (small writes would cost twice the time), and hashes them on the way. */
export async function bytesPump(
  bytes: AsyncIterable<Uint8Array>,
  writer: StoreWriter,
  { algorithms, sizeBytes: announced, isOwned, check, onChunk }: PumpOptions,
): Promise<Pumped> {
  const slots: Slot[] = [];
  let [filling, filledBytes, sizeBytes] = [slotMake(), 0, 0];
  let hashing: Hashing | null = null;
  let written = Promise.resolve();
  let isOver = false;
  const write = (chunk: Uint8Array): Promise<void> =>
    isOver ? Promise.resolve() : writer.write(chunk);
  const flush = (): void => {
    const chunk = filling.buffer.subarray(0, filledBytes);
    onChunk(chunk, sizeBytes - filledBytes);
    const isMuch = filledBytes === bufferBytes && (announced ?? Infinity) >= threadsWorthBytes;
    hashing ??= hashingOpen(algorithms, isMuch);
    written = written.then(() => write(chunk));
    filling.free = Promise.all([written, hashing.update(chunk)]);
    // Its failure is met when the buffer is wanted again, or at the end; until then nobody waits for it.
    filling.free.catch(() => {});
    slots.push(filling);
    filledBytes = 0;
  };
  try {
    for await (const chunk of bytes) {
      check(sizeBytes + chunk.length);
      for (let at = 0; at < chunk.length;) {
        if (filledBytes === bufferBytes) {
          flush();
          filling = await slotNext(slots);
        }
        const part = chunk.subarray(at, at + bufferBytes - filledBytes);
        filling.buffer.set(part, filledBytes);
        filledBytes += part.length;
        sizeBytes += part.length;
        at += part.length;
      }
      if (isOwned) bufferFree(chunk);
    }
    if (filledBytes > 0) flush();
    await Promise.all(slots.map(({ free }) => free));
    hashing ??= hashingOpen(algorithms, false);
    return { sizeBytes, hashes: await hashing.digest() };
  } finally {
    isOver = true;
    hashing?.close();
  }
}

const slotMake = (): Slot => ({ buffer: bufferPagesShared(bufferBytes), free: Promise.resolve() });

/** The one that has waited longest, or one more. */
async function slotNext(slots: Slot[]): Promise<Slot> {
  if (slots.length < bufferMost) return slotMake();
  const [slot] = slots.splice(0, 1) as [Slot];
  await slot.free;
  return slot;
}
