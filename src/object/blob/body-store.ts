import { bufferFree } from '../../kernel/buffer-free.ts';
import type { Clock } from '../../kernel/clock.ts';
import { blockBytes, type BlockSums, type LimitCheck } from './body-intake.ts';
import type { MemoryBudget, MemoryShare } from './memory-budget.ts';

/** What has been gathered for so long is written, though it is less than a block. */
const gatherMs = 5_000;

export interface BodyStore {
  readonly check: LimitCheck;
  readonly sums: BlockSums;
  /** Stores the next bytes; they may change once it resolves. Never called before the last call has ended. */
  readonly sink: (bytes: Uint8Array) => Promise<unknown>;
  readonly budget: MemoryBudget;
  readonly clock: Clock;
}

/**
 * Gathers what comes in into blocks of a MiB, because many small writes would cost twice the time; one is written while
 * the other fills. Where there is no memory for that, and from clients too slow to fill a block, bytes are written as
 * they come.
 */
export async function bodyStore(
  body: AsyncIterable<Uint8Array>,
  { check, sums, sink, budget, clock }: BodyStore,
): Promise<void> {
  using share = budget.share();
  const gather = new Gather(share, clock);
  let written: Promise<unknown> = Promise.resolve();
  const write = async (bytes: Uint8Array): Promise<void> => {
    const stored = sums.take(bytes);
    await written;
    written = sink(stored);
    // Its failure is met at the next write; until then nobody waits for it.
    written.catch(() => {});
  };
  const chunkTake = async (chunk: Uint8Array): Promise<void> => {
    for (let at = 0; at < chunk.length;) {
      const part = chunk.subarray(at, at + sums.leftInBlock - gather.filledBytes);
      at += part.length;
      if (gather.add(part, sums.leftInBlock)) {
        const isWhole = gather.filledBytes === sums.leftInBlock;
        if (isWhole || gather.isLate()) await write(gather.take());
        if (!isWhole && gather.filledBytes === 0) {
          await written;
          gather.close();
        }
      } else {
        await write(part);
        await written;
      }
    }
  };
  let gotBytes = 0;
  try {
    for await (const chunk of body) {
      gotBytes += chunk.length;
      check(gotBytes, false);
      await chunkTake(chunk);
      bufferFree(chunk);
    }
    check(gotBytes, true);
    if (gather.filledBytes > 0) await write(gather.take());
    await written;
  } finally {
    await Promise.allSettled([written]);
    gather.close();
  }
}

/** Two buffers that take turns, while there is memory for them. */
class Gather {
  readonly #share: MemoryShare;
  readonly #clock: Clock;
  #buffers: readonly [Buffer, Buffer] | null = null;
  #sinceMs = 0;
  filledBytes = 0;

  constructor(share: MemoryShare, clock: Clock) {
    this.#share = share;
    this.#clock = clock;
  }

  /** False: there is no memory, or it was given back in this block because its bytes came too slowly. */
  add(part: Uint8Array, leftInBlock: number): boolean {
    if (this.filledBytes === 0) {
      if (this.#buffers === null && (leftInBlock < blockBytes || !this.#open())) return false;
      this.#sinceMs = this.#clock.now();
    }
    this.#buffers?.[0].set(part, this.filledBytes);
    this.filledBytes += part.length;
    return true;
  }

  isLate(): boolean {
    return this.#clock.now() - this.#sinceMs > gatherMs;
  }

  /** What was gathered; it may be read until this has been called once more. */
  take(): Buffer {
    if (this.#buffers === null) throw new Error('nothing was gathered');
    const [full, spare] = this.#buffers;
    const taken = full.subarray(0, this.filledBytes);
    this.#buffers = [spare, full];
    this.filledBytes = 0;
    return taken;
  }

  /** Nothing may be written from the buffers any more. */
  close(): void {
    // Of a thousand clients that left, the collector would let gigabytes stand.
    this.#buffers?.forEach(bufferFree);
    this.#buffers = null;
    this.filledBytes = 0;
    this.#share.give();
  }

  #open(): boolean {
    if (!this.#share.take(2 * blockBytes)) return false;
    this.#buffers = [Buffer.allocUnsafeSlow(blockBytes), Buffer.allocUnsafeSlow(blockBytes)];
    return true;
  }
}
