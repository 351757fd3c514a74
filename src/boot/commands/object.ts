import { resolve } from 'node:path';
import { listenParse } from '../addresses.ts';
import { cloudStartedOrFail, stateDirOf } from '../cloud.ts';
import {
  exitCodes,
  isSet,
  textOf,
  UserError,
  type Command,
  type CommandInput,
} from '../command.ts';

export const objectCommand: Command = {
  name: 'object',
  usage: `welkin object - serve the object store: Swift and S3 on one port

  --data DIR             a store of its own, without a cloud, kept in this folder
  --listen HOST:PORT     where it listens (default 127.0.0.1:8080)
  --mirror DIR           all bytes are in this folder of another disk too, and mended from there; repeatable
  --database URL         metadata in PostgreSQL (postgres://...) instead of SQLite in the folder
  --bytes URL            bytes in another S3 store: http(s)://ACCESS:SECRET@HOST:PORT/BUCKET
  --tempauth USER:KEY    who may use it, with Swift's /auth/v1.0; also ACCOUNT:USER:KEY[:GROUP,GROUP]; repeatable
  --s3-key ACCESS:SECRET who may use it with S3; also ACCESS:SECRET:ACCOUNT; repeatable
  --workers N            processes that share the port (default 1)
  --s3-domain NAME       buckets are also reached as BUCKET.NAME; repeatable
  --swift-domain NAME    containers are also reached as CONTAINER.ACCOUNT.NAME; repeatable
  --tls-cert FILE, --tls-key FILE   serve over TLS

  --sync-host HOST       containers may be synchronised to this host; repeatable (realms: in a cloud, object.sync_realm)
  --service-prefix PREFIX:ROLE   accounts that only a service with that role may enter; repeatable

  --state-dir DIR        the store of a cloud (started by: welkin up)

welkin object migrate    moves the bytes of a store (--data or --state-dir) to --bytes while it is served
welkin object status     what is in a store, and what the scrubber found damaged (--data or --state-dir; --json)

examples:
  welkin object --data /srv/store --tempauth test:secret --s3-key AKIATEST:secret
  curl -i -H 'X-Auth-User: test:test' -H 'X-Auth-Key: secret' http://127.0.0.1:8080/auth/v1.0`,
  words: ['status or migrate'],
  options: {
    json: { type: 'boolean' },
    data: { type: 'string' },
    listen: { type: 'string', default: '127.0.0.1:8080' },
    mirror: { type: 'string', multiple: true },
    database: { type: 'string' },
    bytes: { type: 'string' },
    tempauth: { type: 'string', multiple: true },
    's3-key': { type: 'string', multiple: true },
    workers: { type: 'string', default: '1' },
    'service-prefix': { type: 'string', multiple: true },
    'sync-host': { type: 'string', multiple: true },
    's3-domain': { type: 'string', multiple: true },
    'swift-domain': { type: 'string', multiple: true },
    'tls-cert': { type: 'string' },
    'tls-key': { type: 'string' },
    // Given by the program that starts several.
    worker: { type: 'string' },
    'state-dir': { type: 'string', default: '/var/lib/welkin' },
  },
  async run(input) {
    const data = textOf(input, 'data');
    const [word] = input.positionals;
    if (word === 'status') {
      const { objectStatus } = await import('../object/object-status.ts');
      const { dataDir, databaseUrl } = storePlaceOf(input);
      return objectStatus(dataDir, { databaseUrl, asJson: isSet(input, 'json') });
    }
    if (word === 'migrate') {
      const { objectMigrateOut } = await import('../object/object-migrate.ts');
      const { dataDir, databaseUrl } = storePlaceOf(input);
      return objectMigrateOut(dataDir, { databaseUrl, bytesUrl: textOf(input, 'bytes') ?? '' });
    }
    if (word !== undefined) {
      throw new UserError(
        `object: there is no "${word}"; see welkin object --help`,
        exitCodes.usage,
      );
    }
    if (data === undefined) {
      const { objectRole } = await import('../object/object-role.ts');
      return objectRole(workerOf(input) ?? 0).run(input);
    }
    const { standaloneRun } = await import('../object/standalone.ts');
    return standaloneRun({
      dataDir: resolve(data),
      mirrors: textsOf(input, 'mirror').map((folder) => resolve(folder)),
      listen: listenOf(input),
      databaseUrl: textOf(input, 'database') ?? null,
      bytesUrl: textOf(input, 'bytes') ?? null,
      workers: workersOf(input),
      worker: workerOf(input),
      tempauth: textsOf(input, 'tempauth'),
      s3Keys: textsOf(input, 's3-key'),
      syncHosts: textsOf(input, 'sync-host'),
      servicePrefixes: textsOf(input, 'service-prefix').map(servicePrefixOf),
      s3Domains: textsOf(input, 's3-domain'),
      swiftDomains: textsOf(input, 'swift-domain'),
      tlsCert: textOf(input, 'tls-cert') ?? null,
      tlsKey: textOf(input, 'tls-key') ?? null,
    });
  },
};

/** A store alone is where it is said; that of a cloud where the cloud was started with. */
function storePlaceOf(input: CommandInput): {
  readonly dataDir: string;
  readonly databaseUrl: string | null;
} {
  const data = textOf(input, 'data');
  if (data !== undefined)
    return { dataDir: resolve(data), databaseUrl: textOf(input, 'database') ?? null };
  const { layout, configuration } = cloudStartedOrFail(stateDirOf(input));
  return { dataDir: layout.objectDir, databaseUrl: configuration.databaseUrl };
}

function listenOf(input: CommandInput): NonNullable<ReturnType<typeof listenParse>> {
  const listen = listenParse(textOf(input, 'listen') ?? '');
  if (listen !== null) return listen;
  throw new UserError('--listen: it must be HOST:PORT, such as 127.0.0.1:8080', exitCodes.usage);
}

function workersOf(input: CommandInput): number {
  const count = Number(textOf(input, 'workers'));
  if (Number.isInteger(count) && count >= 1 && count <= 64) return count;
  throw new UserError('--workers: it must be a whole number from 1 to 64', exitCodes.usage);
}

function servicePrefixOf(text: string): { readonly prefix: string; readonly role: string } {
  const [prefix = '', role = '', ...rest] = text.split(':');
  if (prefix.endsWith('_') && role !== '' && rest.length === 0) return { prefix, role };
  throw new UserError('--service-prefix: it must be PREFIX_:ROLE', exitCodes.usage);
}

function workerOf(input: CommandInput): number | null {
  const text = textOf(input, 'worker');
  return text === undefined ? null : Number(text);
}

function textsOf({ values }: CommandInput, name: string): readonly string[] {
  const value: unknown = values[name];
  return Array.isArray(value) ? (value as string[]) : [];
}
