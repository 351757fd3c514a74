/**
 * Where a server goes. A picture of the hosts in memory, and a choice from it that looks at a sample: the same quality
 * as looking at all of them, at any size. The picture may be old; whoever uses the choice claims it in the database
 * and, refused there, corrects the picture and asks again.
 *
 * What decides how full a cloud can get is not the search but that scarce hosts are kept for those who need them:
 * a request takes a host with traits it did not ask for only when no other fits, and one that names no zone goes to
 * the zone with most room in the class of hosts it can use.
 */
export interface HostPicture {
  readonly name: string;
  readonly zone: string;
  readonly traits: readonly string[];
  /** New servers may come: enabled, and not forced down. */
  readonly isOpen: boolean;
  /** The machine itself: no server is larger. */
  readonly whole: Amounts;
  /** What claims may add up to: less what is reserved, times the ratio. */
  readonly capacity: Amounts;
  readonly used: Amounts;
}

export interface Amounts {
  readonly vcpus: number;
  readonly ramMib: number;
  readonly diskGib: number;
}

export interface Wanted extends Amounts {
  readonly zone: string | null;
  readonly traits: readonly string[];
  /** Null: any. */
  readonly onlyHosts: ReadonlySet<string> | null;
  readonly notHosts: ReadonlySet<string>;
  /** Taken before all others when they fit: soft affinity. */
  readonly betterHosts?: ReadonlySet<string>;
  /** Taken only when nothing else fits: soft anti-affinity. */
  readonly worseHosts?: ReadonlySet<string>;
}

const sampleSize = 16;

/** Hosts of one zone with the same traits: the unit of scarcity. */
interface Class {
  readonly zone: string;
  readonly traits: readonly string[];
  readonly hosts: HostPicture[];
  freeRamMib: number;
}

export class Inventory {
  readonly #hosts = new Map<string, HostPicture>();
  readonly #places = new Map<string, { readonly class: Class; at: number }>();
  readonly #classes = new Map<string, Class>();
  #seed: number;

  /** Several processes place at once: with seeds of their own they rarely look at the same hosts. */
  constructor(seed: number) {
    this.#seed = seed | 1;
  }

  /** When all hosts were last taken in; null: never. */
  loadedAt: number | null = null;

  get(name: string): HostPicture | null {
    return this.#hosts.get(name) ?? null;
  }

  /** All there is: hosts that are not named are forgotten. */
  load(hosts: readonly HostPicture[], now: number): void {
    this.loadedAt = now;
    this.#hosts.clear();
    this.#places.clear();
    this.#classes.clear();
    for (const host of hosts) this.set(host);
  }

  set(host: HostPicture): void {
    this.#remove(host.name);
    const key = JSON.stringify([host.zone, host.traits]);
    let into = this.#classes.get(key);
    if (into === undefined) {
      into = { zone: host.zone, traits: host.traits, hosts: [], freeRamMib: 0 };
      this.#classes.set(key, into);
    }
    this.#hosts.set(host.name, host);
    this.#places.set(host.name, { class: into, at: into.hosts.length });
    into.hosts.push(host);
    into.freeRamMib += freeRamMib(host);
  }

  /** After a claim of ours: the picture follows without a look into the database. */
  use(name: string, { vcpus, ramMib, diskGib }: Amounts): void {
    const host = this.#hosts.get(name);
    if (host === undefined) return;
    const { used } = host;
    this.set({
      ...host,
      used: {
        vcpus: used.vcpus + vcpus,
        ramMib: used.ramMib + ramMib,
        diskGib: used.diskGib + diskGib,
      },
    });
  }

  /** Null: as far as the picture shows, no host fits. */
  choose(wanted: Wanted): string | null {
    if (wanted.onlyHosts !== null) return this.#bestOf(this.#named(wanted.onlyHosts), wanted);
    if (wanted.betterHosts !== undefined && wanted.betterHosts.size > 0) {
      const better = this.#bestOf(this.#named(wanted.betterHosts), wanted);
      if (better !== null) return better;
    }
    const { worseHosts } = wanted;
    if (worseHosts !== undefined && worseHosts.size > 0) {
      const notHosts = new Set([...wanted.notHosts, ...worseHosts]);
      return (
        this.#chooseAny({ ...wanted, notHosts }) ?? this.#bestOf(this.#named(worseHosts), wanted)
      );
    }
    return this.#chooseAny(wanted);
  }

  #chooseAny(wanted: Wanted): string | null {
    for (const { hosts } of this.#classesFor(wanted)) {
      const chosen = this.#bestOf(this.#sample(hosts), wanted) ?? this.#bestOf(hosts, wanted);
      if (chosen !== null) return chosen;
    }
    return null;
  }

  /** Fewest traits that nobody asked for first, then most room. */
  #classesFor({ zone, traits }: Wanted): Class[] {
    return [...this.#classes.values()]
      .filter(
        (one) =>
          one.hosts.length > 0 &&
          (zone === null || one.zone === zone) &&
          traits.every((trait) => one.traits.includes(trait)),
      )
      .toSorted((a, b) => a.traits.length - b.traits.length || b.freeRamMib - a.freeRamMib);
  }

  #named(names: ReadonlySet<string>): HostPicture[] {
    return [...names].flatMap((name) => this.#hosts.get(name) ?? []);
  }

  #sample(hosts: readonly HostPicture[]): readonly HostPicture[] {
    if (hosts.length <= sampleSize) return hosts;
    const picked: HostPicture[] = [];
    for (let i = 0; i < sampleSize; i++) {
      const host = hosts[this.#next() % hosts.length];
      if (host !== undefined) picked.push(host);
    }
    return picked;
  }

  /** The host that stays emptiest: neighbours disturb each other least. */
  #bestOf(hosts: readonly HostPicture[], wanted: Wanted): string | null {
    let best: string | null = null;
    let bestScore = -1;
    for (const host of hosts) {
      if (!fits(host, wanted)) continue;
      const score = emptiness(host, wanted);
      if (score <= bestScore) continue;
      best = host.name;
      bestScore = score;
    }
    return best;
  }

  #remove(name: string): void {
    const place = this.#places.get(name);
    const host = this.#hosts.get(name);
    if (place === undefined || host === undefined) return;
    place.class.freeRamMib -= freeRamMib(host);
    const last = place.class.hosts.pop();
    if (last !== undefined && last.name !== name) {
      place.class.hosts[place.at] = last;
      const lastPlace = this.#places.get(last.name);
      if (lastPlace !== undefined) lastPlace.at = place.at;
    }
    this.#places.delete(name);
    this.#hosts.delete(name);
  }

  /** xorshift32: chance is only there to spread the looks. */
  #next(): number {
    let x = this.#seed;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#seed = x;
    return x >>> 0;
  }
}

const freeRamMib = ({ capacity, used, isOpen }: HostPicture): number =>
  isOpen ? Math.max(0, capacity.ramMib - used.ramMib) : 0;

const kinds = ['vcpus', 'ramMib', 'diskGib'] as const;

function fits(host: HostPicture, wanted: Wanted): boolean {
  return (
    host.isOpen &&
    !wanted.notHosts.has(host.name) &&
    (wanted.zone === null || host.zone === wanted.zone) &&
    wanted.traits.every((trait) => host.traits.includes(trait)) &&
    kinds.every(
      (kind) =>
        wanted[kind] <= host.whole[kind] && host.used[kind] + wanted[kind] <= host.capacity[kind],
    )
  );
}

/** Share that is left of what is scarcest once the server is there. */
const emptiness = (host: HostPicture, wanted: Wanted): number =>
  Math.min(
    ...kinds.map((kind) =>
      host.capacity[kind] === 0
        ? 0
        : (host.capacity[kind] - host.used[kind] - wanted[kind]) / host.capacity[kind],
    ),
  );
