/** Work on one thing is carried out one after the other, on different things side by side. */
export interface Turns {
  alone<T>(id: string, work: () => Promise<T>): Promise<T>;
  /** Resolves when nothing that was begun is under way. */
  settled(): Promise<void>;
}

export function turnsOpen(): Turns {
  const last = new Map<string, Promise<void>>();
  return {
    alone(id, work) {
      const turn = (last.get(id) ?? Promise.resolve()).then(work);
      const settled = turn.then(
        () => {},
        () => {},
      );
      last.set(id, settled);
      void settled.then(() => {
        if (last.get(id) === settled) last.delete(id);
      });
      return turn;
    },
    async settled() {
      await Promise.all(last.values());
    },
  };
}
