/**
 * Memory that the bodies of all connections of this process share. Who does not get any goes on in small steps: slower,
 * but with next to nothing in hand. So a thousand clients that stall cost no more than a few.
 */
export class MemoryBudget {
  #leftBytes: number;

  constructor(bytes: number) {
    this.#leftBytes = bytes;
  }

  /** What one body holds of it, until disposed of. */
  share(): MemoryShare {
    let heldBytes = 0;
    const give = (): void => {
      this.#leftBytes += heldBytes;
      heldBytes = 0;
    };
    return {
      take: (bytes) => {
        if (bytes > this.#leftBytes) return false;
        this.#leftBytes -= bytes;
        heldBytes += bytes;
        return true;
      },
      give,
      [Symbol.dispose]: give,
    };
  }
}

export interface MemoryShare extends Disposable {
  /** So much more; false: there is not so much left, and none is taken. */
  take(bytes: number): boolean;
  give(): void;
}
