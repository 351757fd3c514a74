import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock as clock } from '../../kernel/clock.ts';
import { causesOf } from '../../kernel/errors.ts';
import { randomIds as ids } from '../../kernel/ids.ts';
import { logOpen } from '../../kernel/log.ts';
import { objectSettingsDefault, type ObjectSettings } from '../../object/object.world.ts';
import { listenText, type Listen } from '../addresses.ts';
import { exitCodes, UserError } from '../command.ts';
import { lockHold } from '../lock.ts';
import { objectAllocator } from '../allocator.ts';
import { objectFronts } from './fronts.ts';
import { objectServe } from './object-serve.ts';
import { outsideOpen } from './outside.ts';
import { storeEngines, storeOpen, storePrepare } from './object-store.ts';
import { standaloneIdentity, staticKeyParse, tempauthParse } from './standalone-identity.ts';
import { workersRun } from './workers.ts';

export interface Standalone {
  readonly dataDir: string;
  readonly mirrors: readonly string[];
  readonly listen: Listen;
  /** Where the metadata is: PostgreSQL; null: SQLite in the data folder. */
  readonly databaseUrl: string | null;
  /** Where bytes go instead of the data folder. */
  readonly bytesUrl: string | null;
  readonly workers: number;
  /** One of several; null: the only one, or the one that starts them. */
  readonly worker: number | null;
  readonly tempauth: readonly string[];
  readonly s3Keys: readonly string[];
  readonly servicePrefixes: ObjectSettings['swift']['servicePrefixes'];
  /** Where containers may be synchronised to. */
  readonly syncHosts: readonly string[];
  readonly s3Domains: readonly string[];
  readonly swiftDomains: readonly string[];
  readonly tlsCert: string | null;
  readonly tlsKey: string | null;
}

/** The store alone, for those who need no cloud. */
export async function standaloneRun(options: Standalone): Promise<number> {
  const { dataDir, listen, workers } = options;
  const log = logOpen({
    level: 'info',
    write: (line) => void process.stderr.write(line),
    now: () => clock.now(),
  });
  const stop = new AbortController();
  const end = (): void => stop.abort();
  process.on('SIGTERM', end).on('SIGINT', end).once('disconnect', end);
  const signal = stop.signal;
  if (options.worker !== null) {
    const ready = (): void => void process.send?.('ready');
    return serve(options, { log, signal, leads: options.worker === 0, ready });
  }
  const ready = (): void => {
    console.log(`the store in ${dataDir} is served on ${listenText(listen)}`);
  };
  // Wrong words are found before anything is made.
  settingsOf(options);
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  lockHold(join(dataDir, 'lock'), objectAllocator);
  await storePrepare({ dataDir, engineOpen: await storeEngines(dataDir, options.databaseUrl) });
  if (workers === 1) return serve(options, { log, signal, leads: true, ready });
  await workersRun({ count: workers, log, signal, ready });
  return exitCodes.ok;
}

type Run = Pick<Parameters<typeof objectServe>[0], 'leads' | 'signal' | 'ready'> & {
  readonly log: ReturnType<typeof logOpen>;
};

async function serve(options: Standalone, { log, ...run }: Run): Promise<number> {
  const { tempauth, identity, settings } = settingsOf(options);
  const { dataDir, listen } = options;
  const store = await storeOpen({
    dataDir,
    mirrors: options.mirrors,
    outside: options.bytesUrl === null ? null : outsideOpen(options.bytesUrl),
    engineOpen: await storeEngines(dataDir, options.databaseUrl),
    settings: { ...settings, tempauth },
    identity,
    clock,
    ids,
    log,
  });
  try {
    const tls = tlsOf(options);
    await objectServe({ ...store, fronts: objectFronts, listen, tls, ...run });
    return exitCodes.ok;
  } catch (error) {
    log.error('ended by an error', { causes: causesOf(error) });
    return exitCodes.failed;
  } finally {
    await store.close();
  }
}

function settingsOf(options: Standalone) {
  const { tempauth, s3Keys, servicePrefixes, syncHosts, s3Domains, swiftDomains } = options;
  const users = tempauth.map(tempauthParse);
  const account = users[0]?.account ?? null;
  const keys = s3Keys.map((text) => staticKeyParse(text, account));
  if (users.length === 0 && keys.length === 0) {
    throw new UserError('nobody could use it: give --tempauth or --s3-key', exitCodes.usage);
  }
  return {
    tempauth: users,
    identity: standaloneIdentity(users, keys),
    settings: {
      ...objectSettingsDefault,
      swift: { ...objectSettingsDefault.swift, servicePrefixes, syncHosts },
      s3Domains,
      swiftDomains,
    },
  };
}

function tlsOf({ tlsCert, tlsKey }: Standalone): { cert: string; key: string } | null {
  if (tlsCert === null && tlsKey === null) return null;
  for (const path of [tlsCert, tlsKey]) {
    if (path === null || !existsSync(path)) {
      throw new UserError('--tls-cert and --tls-key: both files are needed', exitCodes.usage);
    }
  }
  return { cert: readFileSync(tlsCert ?? '', 'utf8'), key: readFileSync(tlsKey ?? '', 'utf8') };
}
