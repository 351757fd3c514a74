/**
 * Which addresses a port gets. All is looked up and inserted in one transaction; the unique index on subnet and address
 * is what decides between two that come at once.
 */
import { invalid } from '../kernel/errors.ts';
import {
  addressCanonical,
  addressKey,
  addressParse,
  addressText,
  eui64,
  hostRange,
  keyValue,
  prefixHas,
  prefixParse,
  type Address,
  type Prefix,
} from './address.model.ts';
import { addressesExhausted, addressInUse, invalidInput } from './network.errors.ts';
import type { SubnetTable } from './network.tables.ts';
import type { NetworkTx } from './network.world.ts';

export interface AddressWish {
  readonly subnetId: string | null;
  readonly address: string | null;
}

export interface Assigned {
  readonly subnetId: string;
  readonly address: string;
}

/** The port that addresses are for. */
export interface AddressPort {
  readonly networkId: string;
  readonly mac: string;
  readonly deviceOwner: string;
}

const addressesMax = 9;

/** Guests make addresses in such a subnet themselves, out of their MAC. */
export const isAutoAddress = ({ ipv6_address_mode }: SubnetTable): boolean =>
  ipv6_address_mode === 'slaac' || ipv6_address_mode === 'dhcpv6-stateless';

export const subnetPrefix = ({ cidr }: Pick<SubnetTable, 'cidr'>): Prefix => {
  const prefix = prefixParse(cidr);
  if (prefix === null) throw new Error(`the stored CIDR ${cidr} is none`);
  return prefix;
};

/** Wishes null: one of each version that the network has, and whatever guests make by themselves. */
export async function addressesAssign(
  tx: NetworkTx,
  port: AddressPort,
  wishes: readonly AddressWish[] | null,
  kept: readonly Assigned[] = [],
): Promise<Assigned[]> {
  const subnets = await tx
    .selectFrom('subnet')
    .selectAll()
    .where('network_id', '=', port.networkId)
    .orderBy('id')
    .execute();
  const isRouterPort = port.deviceOwner.startsWith('network:router_');
  const auto = subnets.filter((subnet) => isAutoAddress(subnet) && !isRouterPort);
  const assigned: Assigned[] = [];
  const takes = new Addresses(tx, port, assigned, kept);
  if (wishes === null) {
    for (const version of [4, 6] as const) {
      const pooled = subnets.filter(
        (subnet) => subnet.ip_version === version && !auto.includes(subnet),
      );
      if (pooled.length > 0) await takes.fromAnyOf(pooled);
    }
  } else {
    if (wishes.length > addressesMax)
      throw invalidInput('Exceeded maximum amount of fixed ips per port');
    // Named addresses first: another wish of the same request must not be given one of them.
    const ordered = wishes.toSorted(
      (a, b) => Number(a.address === null) - Number(b.address === null),
    );
    for (const wish of ordered) await takes.wish(wish, subnets);
  }
  for (const subnet of auto) {
    if (!assigned.some(({ subnetId }) => subnetId === subnet.id)) await takes.automatic(subnet);
  }
  return assigned;
}

class Addresses {
  readonly #tx: NetworkTx;
  readonly #port: AddressPort;
  readonly #assigned: Assigned[];
  readonly #kept: readonly Assigned[];

  constructor(tx: NetworkTx, port: AddressPort, assigned: Assigned[], kept: readonly Assigned[]) {
    this.#tx = tx;
    this.#port = port;
    this.#assigned = assigned;
    this.#kept = kept;
  }

  async fromAnyOf(subnets: readonly SubnetTable[]): Promise<void> {
    for (const subnet of subnets) {
      const free = await this.#free(subnet);
      if (free !== null) return this.#take(subnet, free);
    }
    throw addressesExhausted(this.#port.networkId);
  }

  async wish(wish: AddressWish, subnets: readonly SubnetTable[]): Promise<void> {
    const { networkId } = this.#port;
    const named = subnets.find(({ id }) => id === wish.subnetId);
    if (wish.subnetId !== null && named === undefined) {
      throw invalidInput(
        `Failed to create port on network ${networkId}, because fixed_ips included invalid subnet ${wish.subnetId}`,
      );
    }
    if (wish.address === null) {
      if (named === undefined) throw invalidInput('IP allocation requires subnet_id or ip_address');
      if (isAutoAddress(named) && !this.#port.deviceOwner.startsWith('network:router_')) {
        return this.automatic(named);
      }
      return this.fromAnyOf([named]);
    }
    const address = addressParse(wish.address);
    if (address === null) throw invalidInput(`'${wish.address}' is not a valid IP address`);
    const subnet = named ?? subnets.find((one) => prefixHas(subnetPrefix(one), address));
    if (subnet === undefined) {
      throw invalid(
        `IP address ${wish.address} is not a valid IP for any of the subnets on the specified network.`,
        { type: 'InvalidIpForNetwork' },
      );
    }
    return this.#exactly(subnet, address);
  }

  async #exactly(subnet: SubnetTable, address: Address): Promise<void> {
    const prefix = subnetPrefix(subnet);
    const { first, last } = hostRange(prefix);
    const text = addressText(address);
    if (!prefixHas(prefix, address) || address.value < first || address.value > last) {
      throw invalid(`IP address ${text} is not a valid IP for the specified subnet.`, {
        type: 'InvalidIpForSubnet',
      });
    }
    const isOurs = this.#port.deviceOwner.startsWith('network:');
    if (isAutoAddress(subnet) && !isOurs && addressText(eui64(prefix, this.#port.mac)) !== text) {
      throw invalidInput(
        `IPv6 address ${text} cannot be directly assigned to a port on subnet ${subnet.id} as the subnet is configured for automatic addresses`,
      );
    }
    if (this.#assigned.some((one) => one.address === text)) {
      throw invalidInput(`Duplicate IP address '${text}'`);
    }
    if (await this.#isTaken(subnet, address)) throw addressInUse(this.#port.networkId, text);
    this.#take(subnet, address);
  }

  async automatic(subnet: SubnetTable): Promise<void> {
    const address = eui64(subnetPrefix(subnet), this.#port.mac);
    if (await this.#isTaken(subnet, address)) {
      throw addressInUse(this.#port.networkId, addressText(address));
    }
    this.#take(subnet, address);
  }

  #take(subnet: SubnetTable, address: Address): void {
    this.#assigned.push({ subnetId: subnet.id, address: addressText(address) });
  }

  /** Addresses the port already has are its own. */
  async #isTaken(subnet: SubnetTable, address: Address): Promise<boolean> {
    const text = addressText(address);
    if (this.#kept.some((one) => one.subnetId === subnet.id && one.address === text)) return false;
    const row = await this.#tx
      .selectFrom('fixed_ip')
      .select('port_id')
      .where('subnet_id', '=', subnet.id)
      .where('address_key', '=', addressKey(address))
      .executeTakeFirst();
    return row !== undefined;
  }

  /** The lowest address of the pools that nobody has. */
  async #free(subnet: SubnetTable): Promise<Address | null> {
    for (const { first, last } of poolsOf(subnet)) {
      const size = last - first + 1n;
      const taken = await this.#taken(subnet, first, last);
      if (size <= 0n || taken.count >= size) continue;
      const version = subnet.ip_version;
      // Without a gap the next one is free; else the first that is free is found by halving.
      if (taken.highest === first + taken.count - 1n) {
        return { version, value: first + taken.count };
      }
      let [from, to] = [first, first + taken.count];
      while (from < to) {
        const middle = (from + to) / 2n;
        const { count } = await this.#taken(subnet, from, middle);
        if (count === middle - from + 1n) from = middle + 1n;
        else to = middle;
      }
      return { version, value: from };
    }
    return null;
  }

  /** How many of a range are taken, by others or by this port. */
  async #taken(
    { id, ip_version: version }: SubnetTable,
    from: bigint,
    to: bigint,
  ): Promise<{ readonly count: bigint; readonly highest: bigint | null }> {
    const row = await this.#tx
      .selectFrom('fixed_ip')
      .select(({ fn }) => [
        fn.countAll<number | string>().as('count'),
        fn.max<string | null>('address_key').as('highest'),
      ])
      .where('subnet_id', '=', id)
      .where('address_key', '>=', addressKey({ version, value: from }))
      .where('address_key', '<=', addressKey({ version, value: to }))
      .executeTakeFirstOrThrow();
    const mine = this.#assigned
      .filter(
        (one) => one.subnetId === id && !this.#kept.some((has) => has.address === one.address),
      )
      .flatMap(({ address }) => addressParse(address)?.value ?? [])
      .filter((value) => value >= from && value <= to);
    const stored = row.highest === null ? [] : [keyValue(row.highest)];
    const highest = [...stored, ...mine].reduce<bigint | null>(
      (most, value) => (most === null || value > most ? value : most),
      null,
    );
    return { count: BigInt(row.count) + BigInt(mine.length), highest };
  }
}

export function poolsOf(subnet: Pick<SubnetTable, 'allocation_pools'>) {
  const pools = JSON.parse(subnet.allocation_pools) as { start: string; end: string }[];
  return pools.map(({ start, end }) => ({
    first: addressParse(start)?.value ?? 1n,
    last: addressParse(end)?.value ?? 0n,
  }));
}

/** Rows for the addresses of one port, in this order. */
export async function fixedIpsInsert(
  tx: NetworkTx,
  portId: string,
  networkId: string,
  assigned: readonly Assigned[],
): Promise<void> {
  if (assigned.length === 0) return;
  const rows = assigned.map(({ subnetId, address }, position) => {
    const parsed = addressParse(address);
    if (parsed === null) throw new Error(`assigned address ${address} is none`);
    return {
      port_id: portId,
      network_id: networkId,
      subnet_id: subnetId,
      address,
      address_key: addressKey(parsed),
      position,
    };
  });
  await tx.insertInto('fixed_ip').values(rows).execute();
}

export const wishText = (address: string): string => addressCanonical(address) ?? address;
