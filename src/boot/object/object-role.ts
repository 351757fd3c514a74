import { readFileSync } from 'node:fs';
import { systemClock as clock } from '../../kernel/clock.ts';
import { randomIds as ids } from '../../kernel/ids.ts';
import type { Engine } from '../../kernel/db.ts';
import { identityVerifierOpen } from '../../identity/verifier.ts';
import type { ObjectIdentity } from '../../object/identity.port.ts';
import { objectSettingsDefault } from '../../object/object.world.ts';
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
      return (options) => {
        const engineOpen = enginesOf(options.layout.objectDir);
        return objectRun({ ...options, enginesOpen, engineOpen, worker });
      };
    },
    usage: '',
  });

interface ObjectOptions extends RoleOptions {
  readonly enginesOpen: EnginesOpen;
  readonly engineOpen: StoreEngines;
  readonly worker: number;
}

async function objectRun(options: ObjectOptions): Promise<void> {
  const { configuration, layout, log, signal, ready, enginesOpen, engineOpen, worker } = options;
  const { listen, tls, s3Domains, swiftDomains } = configuration.object;
  await storePrepare({ dataDir: layout.objectDir, engineOpen });
  const { region } = enginesOpen(layout);
  const store = await storeOpen({
    dataDir: layout.objectDir,
    mirrors: [],
    engineOpen,
    settings: {
      ...objectSettingsDefault,
      region: configuration.region,
      s3Domains,
      swiftDomains,
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
  const leads = worker === 0;
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
