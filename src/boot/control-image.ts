import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { IdentityWorld } from '../identity/identity.world.ts';
import { boxOpen, boxSeal } from '../identity/secret-box.ts';
import { identityPort } from '../identity/port.ts';
import { imageMigrations } from '../image/image.migrations.ts';
import {
  imageSettingsDefault,
  type HostCopies,
  type ImageWorld,
  type Regions,
  type TaskSignals,
} from '../image/image.world.ts';
import { metadefSeed } from '../image/metadef/metadef-seed.ts';
import type { DownloadRules } from '../image/import/address-guard.ts';
import { protectionsParse } from '../image/property-protection.ts';
import { fileStore } from '../image/stores/file-store.ts';
import { httpStore } from '../image/stores/http-store.ts';
import type { ImageStore } from '../image/stores/image-store.ts';
import { s3Store } from '../image/stores/s3-store.ts';
import { storeClientOpen } from '../image/stores/store-http.ts';
import { swiftSession } from '../image/stores/swift-session.ts';
import { swiftStore } from '../image/stores/swift-store.ts';
import { systemClock as clock } from '../kernel/clock.ts';
import { isUuid, randomIds as ids } from '../kernel/ids.ts';
import type { Policy } from '../kernel/policy.ts';
import type { Databases } from './control-parts.ts';
import type { ImageConfiguration, StoreRaw } from './image-configuration.ts';
import { imageConverter } from './image-converter.ts';
import type { RoleOptions } from './role.ts';

/** Kept free for databases and logs that share the disk with images. */
const reserveBytes = 512 << 20;

export interface ImageParts {
  readonly policy: Policy;
  readonly identity: IdentityWorld;
  readonly tasks: TaskSignals;
  readonly copies: HostCopies;
}

export async function imageOpen(
  options: RoleOptions,
  { region }: Databases,
  { policy, identity, tasks, copies }: ImageParts,
): Promise<ImageWorld> {
  const { layout, log } = options;
  await region.migrate('image', imageMigrations);
  const { image } = options.configuration;
  const world: ImageWorld = {
    db: region.db(),
    stores: storesOpen(options),
    staging: fileStore({ id: 'staging', directory: layout.imageStagingDir, reserveBytes }),
    policy,
    clock,
    ids,
    log,
    sizeLimitBytes: image.sizeLimitBytes,
    settings: {
      ...imageSettingsDefault,
      storageQuotaBytes: image.storageQuotaBytes,
      download: downloadRules(image),
      showsLocations: image.showsLocations,
      protections:
        image.propertyProtections === null
          ? null
          : protectionsParse(readFileSync(image.propertyProtections, 'utf8')),
    },
    limits: {
      limitsOf: (projectId) =>
        identityPort(identity).projectLimits('image', options.configuration.region, projectId),
    },
    tasks,
    copies,
    regions: regionsOf(options, identity),
    certificates: { get: (id) => certificateRead(image.certificatesDir, id) },
    converter:
      image.convertTo === 'none'
        ? null
        : imageConverter(image.convertTo, { stateDir: layout.stateDir, log }),
  };
  await metadefSeed(world);
  return world;
}

const downloadRules = (image: ImageConfiguration): DownloadRules => ({
  ...imageSettingsDefault.download,
  ports: image.downloadPorts,
  allow: image.downloadAllow,
});

/** The default one first. */
function storesOpen({ configuration: { image }, layout }: RoleOptions): ImageStore[] {
  const all = [
    fileStore({ id: 'file', directory: layout.imageDir, reserveBytes }),
    ...image.stores.map((store) => storeOpen(store, image)),
  ];
  return all.toSorted(
    (a, b) => Number(b.id === image.defaultStore) - Number(a.id === image.defaultStore),
  );
}

/** The configuration has been checked: what the type needs is there. */
function storeOpen(store: StoreRaw, image: ImageConfiguration): ImageStore {
  const { id, type, endpoint = '' } = store;
  if (type === 'http') return httpStore({ id, rules: downloadRules(image), clock });
  if (type === 'file') return fileStore({ id, directory: store.directory ?? '', reserveBytes });
  const client = storeClientOpen(
    store.ca_file === undefined ? null : readFileSync(store.ca_file, 'utf8'),
  );
  const secret = readFileSync(store.secret_file ?? '', 'utf8').trim();
  const description = store.description ?? '';
  if (type === 's3') {
    const { access_key: access = '', region = 'us-east-1', bucket = '', style = 'path' } = store;
    const keys = { access, secret, region };
    const place = { endpoint, bucket, prefix: store.prefix ?? '', style };
    return s3Store({ ...keys, ...place, id, description, client, clock });
  }
  const session = swiftSession({
    authUrl: endpoint,
    user: store.user ?? '',
    userDomain: store.user_domain ?? 'Default',
    project: store.project ?? '',
    projectDomain: store.project_domain ?? 'Default',
    password: secret,
    region: store.region ?? null,
    client,
  });
  return swiftStore({ id, description, container: store.container ?? '', session, client });
}

async function certificateRead(directory: string | null, id: string): Promise<string | null> {
  if (directory === null || !isUuid(id)) return null;
  try {
    return await readFile(join(directory, `${id}.pem`), 'utf8');
  } catch {
    return null;
  }
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
