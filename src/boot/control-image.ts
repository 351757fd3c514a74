import type { IdentityWorld } from '../identity/identity.world.ts';
import { boxOpen, boxSeal } from '../identity/secret-box.ts';
import { identityPort } from '../identity/port.ts';
import { imageMigrations } from '../image/image.migrations.ts';
import {
  imageSettingsDefault,
  sizeLimitDefaultBytes,
  type ImageWorld,
  type Regions,
  type TaskSignals,
} from '../image/image.world.ts';
import { metadefSeed } from '../image/metadef/metadef-seed.ts';
import { fileStore } from '../image/stores/file-store.ts';
import { systemClock as clock } from '../kernel/clock.ts';
import { randomIds as ids } from '../kernel/ids.ts';
import type { Policy } from '../kernel/policy.ts';
import type { Databases } from './control-parts.ts';
import type { RoleOptions } from './role.ts';

/** Kept free for databases and logs that share the disk with images. */
const reserveBytes = 512 << 20;

export interface ImageParts {
  readonly policy: Policy;
  readonly identity: IdentityWorld;
  readonly tasks: TaskSignals;
}

export async function imageOpen(
  options: RoleOptions,
  { region }: Databases,
  { policy, identity, tasks }: ImageParts,
): Promise<ImageWorld> {
  const { layout, log } = options;
  await region.migrate('image', imageMigrations);
  const world: ImageWorld = {
    db: region.db(),
    stores: [fileStore({ id: 'file', directory: layout.imageDir, reserveBytes })],
    staging: fileStore({ id: 'staging', directory: layout.imageStagingDir, reserveBytes }),
    policy,
    clock,
    ids,
    log,
    sizeLimitBytes: sizeLimitDefaultBytes,
    settings: imageSettingsDefault,
    limits: { limitsOf: async () => ({}) },
    tasks,
    regions: regionsOf(options, identity),
    certificates: { get: async () => null },
    converter: null,
  };
  await metadefSeed(world);
  return world;
}

/** Tokens wait for their import sealed as credentials are. */
function regionsOf({ configuration }: RoleOptions, identity: IdentityWorld): Regions {
  const port = identityPort(identity);
  const { credentialKeys } = identity;
  return {
    own: configuration.region,
    endpoint: (region, face) => port.endpointFind('image', region, face),
    seal(token) {
      const [key] = credentialKeys;
      if (key === undefined) throw new Error('there is no key to seal with');
      return boxSeal(key, token, { nowMs: clock.now(), iv: ids.secret(16) });
    },
    open: (sealed) => boxOpen(credentialKeys, sealed)?.toString() ?? null,
  };
}
