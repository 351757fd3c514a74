import { readFileSync } from 'node:fs';
import { systemClock as clock } from '../../kernel/clock.ts';
import { randomIds as ids } from '../../kernel/ids.ts';
import type { Engine } from '../../kernel/db.ts';
import { identityVerifierOpen } from '../../identity/verifier.ts';
import type { ObjectIdentity } from '../../object/identity.port.ts';
import type { OutsideStore } from '../../object/blob/outside-blobs.ts';
import { objectSettingsDefault, type SyncRealm } from '../../object/object.world.ts';
import type { Configuration } from '../configuration.model.ts';
import { enginesLoad, type EnginesOpen } from '../control-parts.ts';
import { keysFollow, keysRead } from '../key-ring.ts';
import type { Command } from '../command.ts';
import { controlUid, objectUnitName } from '../layout.ts';
import { roleCommand } from '../role-command.ts';
import type { RoleOptions } from '../role.ts';
import { objectFronts } from './fronts.ts';
import { objectServe } from './object-serve.ts';
import { storeEnginesLoad, storeOpen, storePrepare, type StoreEngines } from './object-store.ts';

const serviceType = 'object-store';

/** The object store of a cloud, or one of its workers. Its account is control's: both read the database of users. */
export const objectRole = (worker: number): Command =>
  roleCommand({
    name: objectUnitName(worker),
    uid: controlUid,
    umask: 0o077,
    load: async (configuration) => {
      const enginesOpen = await enginesLoad(configuration);
      // Loaded here, where this program can still be read; opened later, as another user.
      const enginesOf = await storeEnginesLoad(configuration.databaseUrl);
      const outside = await outsideLoad(configuration.object);
      const syncRealms = configuration.object.syncRealms.map(({ keyFile, ...realm }) => ({
        ...realm,
        key: readFileSync(keyFile, 'utf8').trim(),
      }));
      return (options) => {
        const engineOpen = enginesOf(options.layout.objectDir);
        return objectRun({ ...options, enginesOpen, engineOpen, worker, outside, syncRealms });
      };
    },
    usage: '',
  });

interface ObjectOptions extends RoleOptions {
  readonly enginesOpen: EnginesOpen;
  readonly engineOpen: StoreEngines;
  readonly worker: number;
  readonly outside: OutsideStore | null;
  readonly syncRealms: readonly SyncRealm[];
}

/** The client of another store is loaded where one is used. */
async function outsideLoad({ bytes }: Configuration['object']): Promise<OutsideStore | null> {
  if (bytes === null) return null;
  const { outsideStore } = await import('./outside.ts');
  const { secretFile, ...place } = bytes;
  return outsideStore({ ...place, secret: readFileSync(secretFile, 'utf8').trim() });
}

async function objectRun(options: ObjectOptions): Promise<void> {
  const { configuration, layout, log, signal, ready, enginesOpen, engineOpen, worker } = options;
  const { listen, tls, mirrors, s3Domains, swiftDomains, services, syncHosts } =
    configuration.object;
  await storePrepare({ dataDir: layout.objectDir, engineOpen });
  const { region } = enginesOpen(layout);
  const store = await storeOpen({
    dataDir: layout.objectDir,
    mirrors,
    outside: options.outside,
    engineOpen,
    settings: {
      ...objectSettingsDefault,
      region: configuration.region,
      s3Domains,
      swiftDomains,
      swift: { servicePrefixes: services, syncHosts, syncRealms: options.syncRealms },
      s3: { dayMs: configuration.object.dayMs, webhookPrefixes: configuration.object.webhooks },
    },
    identity: await identityWait(options, region),
    clock,
    ids,
    log,
  });
  const keys = tls
    ? {
        cert: readFileSync(layout.serverCertificate, 'utf8'),
        key: readFileSync(layout.serverKey, 'utf8'),
      }
    : null;
  // Where machines share the metadata, one of them keeps the store in order.
  const leads = worker === 0 && (configuration.databaseUrl === null || 'by lease');
  await objectServe({ ...store, fronts: objectFronts, listen, tls: keys, leads, signal, ready });
  await store.close();
  await region.close();
}

/** At the first start control is still making the tables. */
async function identityWait(options: RoleOptions, engine: Engine): Promise<ObjectIdentity> {
  for (let waitMs = 50; ; waitMs = Math.min(waitMs * 2, 1000)) {
    try {
      return await identityOf(options, engine);
    } catch (error) {
      if (options.signal.aborted) throw error;
      options.log.debug('the database of users is not there yet', { error: String(error) });
    }
    await clock.sleep(waitMs, options.signal);
  }
}

/** Tokens and access keys are verified here, over the database that control writes. */
async function identityOf(
  { configuration, layout, log, signal }: RoleOptions,
  engine: Engine,
): Promise<ObjectIdentity> {
  const tokenKeys = keysRead(layout.tokenKeyDir);
  const { port } = await identityVerifierOpen(
    {
      engine,
      clock,
      ids,
      tokenKeys,
      credentialKeys: keysRead(layout.credentialKeyDir),
      settings: { tokenLifeMs: configuration.tokenLifeSec * 1000 },
    },
    serviceType,
  );
  void keysFollow(tokenKeys, layout.tokenKeyDir, { clock, log, signal });
  return {
    async tokenActor(token, { method, path, serviceToken = null }) {
      const asked = { serviceType, method, path };
      const actor = await port.tokenActor(token, asked);
      if (actor === null || serviceToken === null) return actor;
      const service = await port.tokenActor(serviceToken, asked);
      return service === null ? null : { ...actor, serviceRoles: service.roles };
    },
    accessKeyFind: (access) => port.accessKeyGet(access, serviceType),
    projectNames: (ids) => port.projectNames(ids),
  };
}
