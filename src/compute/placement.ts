import type { HostPicture, Inventory, Wanted } from '../placement/inventory.ts';
import { claimInsert } from './claim.store.ts';
import type { HostTable } from './compute.tables.ts';
import { hostFind, hostSelect } from './host.store.ts';
import type { ServerFlavor } from './server.model.ts';
import type { CellTx } from './server.store.ts';

const pictureOf = (row: HostTable, defaultZone: string): HostPicture => ({
  name: row.name,
  zone: row.availability_zone ?? defaultZone,
  traits: JSON.parse(row.traits) as string[],
  isOpen: row.enabled === 1 && row.forced_down === 0,
  whole: { vcpus: row.vcpus, ramMib: row.ram_mib, diskGib: row.disk_gib },
  capacity: {
    vcpus: ((row.vcpus - row.reserved_vcpus) * row.vcpu_ratio_milli) / 1000,
    ramMib: ((row.ram_mib - row.reserved_ram_mib) * row.ram_ratio_milli) / 1000,
    diskGib: ((row.disk_gib - row.reserved_disk_gib) * row.disk_ratio_milli) / 1000,
  },
  used: { vcpus: row.used_vcpus, ramMib: row.used_ram_mib, diskGib: row.used_disk_gib },
});

export const amountsOf = (flavor: ServerFlavor) => ({
  vcpus: flavor.vcpus,
  ramMib: flavor.ramMib,
  diskGib: flavor.diskGib + flavor.ephemeralGib + Math.ceil(flavor.swapMib / 1024),
});

export interface Placing {
  readonly inventory: Inventory;
  readonly defaultZone: string;
  readonly serverId: string;
  readonly wanted: Wanted;
  readonly now: number;
}

/** What other processes claim and administrators change is seen after so long; a choice is exact at any age. */
const pictureMaxMs = 5_000;

/**
 * Chooses a host and claims it, in one transaction. Null only when the database itself shows no host that fits: a
 * picture that is too old is corrected first.
 */
export async function serverPlace(tx: CellTx, placing: Placing): Promise<string | null> {
  const { inventory, defaultZone, serverId, wanted, now } = placing;
  const refused = new Set(wanted.notHosts);
  const { vcpus, ramMib, diskGib } = wanted;
  const amounts = { vcpus, ramMib, diskGib };
  const load = async (): Promise<void> =>
    inventory.load(
      (await hostSelect(tx)).map((row) => pictureOf(row, defaultZone)),
      now,
    );
  let isFresh = inventory.loadedAt === null || now - inventory.loadedAt > pictureMaxMs;
  if (isFresh) await load();
  for (;;) {
    const host = inventory.choose({ ...wanted, notHosts: refused });
    if (host === null) {
      if (isFresh) return null;
      await load();
      isFresh = true;
      continue;
    }
    if (await claimInsert(tx, { serverId, host, ...amounts, now })) {
      inventory.use(host, amounts);
      return host;
    }
    const row = await hostFind(tx, host);
    if (row !== null) inventory.set(pictureOf(row, defaultZone));
    refused.add(host);
  }
}
