/** What a committed change touches: the data plane recomputes this and no more. */
export class Touched {
  readonly networks = new Set<string>();
  readonly routers = new Set<string>();
  /** Security groups whose rules or members changed. */
  readonly groups = new Set<string>();
  readonly servers = new Set<string>();

  get isEmpty(): boolean {
    return this.networks.size + this.routers.size + this.groups.size + this.servers.size === 0;
  }

  add(other: Touched): void {
    for (const key of ['networks', 'routers', 'groups', 'servers'] as const) {
      for (const id of other[key]) this[key].add(id);
    }
  }
}

/** In the memory of one process: what was changed since the data plane was last looked at, and who wants to know. */
export class NetworkChanges {
  #pending = new Touched();
  readonly #wakers = new Set<() => void>();
  readonly #serverListeners = new Set<(ids: readonly string[]) => void>();

  publish(touched: Touched): void {
    if (touched.isEmpty) return;
    this.#pending.add(touched);
    for (const wake of this.#wakers) wake();
    if (touched.servers.size === 0) return;
    for (const listener of this.#serverListeners) listener([...touched.servers]);
  }

  take(): Touched {
    const taken = this.#pending;
    this.#pending = new Touched();
    return taken;
  }

  /** Called after every change. Returns the function that ends the subscription. */
  onChange(wake: () => void): () => void {
    this.#wakers.add(wake);
    return () => void this.#wakers.delete(wake);
  }

  onServers(listener: (ids: readonly string[]) => void): () => void {
    this.#serverListeners.add(listener);
    return () => void this.#serverListeners.delete(listener);
  }
}
