import type { ComputeWorld } from './compute.world.ts';
import { flavorInsert } from './flavor.store.ts';

/** Id, name, vCPUs, MiB, GiB: what OpenStack's own development clouds have had since 2011, and two for small guests. */
const sizes = [
  ['42', 'm1.nano', 1, 128, 1],
  ['84', 'm1.micro', 1, 192, 1],
  ['1', 'm1.tiny', 1, 512, 1],
  ['2', 'm1.small', 1, 2_048, 20],
  ['3', 'm1.medium', 2, 4_096, 40],
  ['4', 'm1.large', 4, 8_192, 80],
  ['5', 'm1.xlarge', 8, 16_384, 160],
] as const;

/** A cloud that has no flavors gets the usual ones; what an operator has changed or deleted since stays so. */
export async function flavorSeed({ region }: ComputeWorld, now: number): Promise<void> {
  await region.write(async (tx) => {
    const any = await tx.selectFrom('flavor').select('id').limit(1).executeTakeFirst();
    if (any !== undefined) return;
    for (const [id, name, vcpus, ramMib, diskGib] of sizes) {
      const flavor = {
        id,
        name,
        vcpus,
        ramMib,
        diskGib,
        ephemeralGib: 0,
        swapMib: 0,
        rxtxFactor: 1,
        isPublic: true,
        isDisabled: false,
        description: null,
        extraSpecs: {},
      };
      await flavorInsert(tx, flavor, now);
    }
  });
}
