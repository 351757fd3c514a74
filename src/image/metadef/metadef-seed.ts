import type { ImageWorld } from '../image.world.ts';
import { computeDefinitions } from './definitions/compute.ts';
import { deviceDefinitions } from './definitions/devices.ts';
import { imageDefinitions } from './definitions/image.ts';
import {
  definitionInsertAll,
  namespaceInsert,
  resourceTypeEnsure,
  resourceTypeSelectAll,
} from './metadef.store.ts';
import { definitionsOf } from './metadef.view.ts';

/** The first is what clients offer first. */
const resourceTypes: readonly string[] = [
  'OS::Glance::Image',
  'OS::Cinder::Volume',
  'OS::Nova::Flavor',
  'OS::Nova::Aggregate',
  'OS::Nova::Server',
];

/** Once per cloud: what its operator changed or removed afterwards stays so. */
export async function metadefSeed({ db, clock, ids }: ImageWorld): Promise<void> {
  const now = clock.now();
  await db.write(async (tx) => {
    if ((await resourceTypeSelectAll(tx)).length > 0) return;
    await resourceTypeEnsure(tx, resourceTypes, true, now);
    for (const wanted of [...computeDefinitions, ...deviceDefinitions, ...imageDefinitions]) {
      const id = ids.uuid();
      await namespaceInsert(tx, {
        id,
        name: wanted.namespace,
        displayName: wanted.display_name ?? null,
        description: wanted.description ?? null,
        visibility: wanted.visibility ?? 'public',
        isProtected: wanted.protected ?? false,
        owner: null,
        createdAt: now,
        updatedAt: now,
      });
      await definitionInsertAll(tx, id, definitionsOf(wanted), now);
    }
  });
}
