import type { Static } from 'typebox';
import { Type } from '../kernel/type.ts';
import type { ObjectSettings, SyncRealm } from '../object/object.world.ts';

const closed = { additionalProperties: false } as const;
const absolute = { pattern: '^/.', allowed: 'an absolute path' } as const;

const domains = (description: string) =>
  Type.Array(Type.String({ pattern: '^[a-z0-9][a-z0-9.-]*$', allowed: 'a name in lower case' }), {
    default: [],
    description,
  });

const BytesSchema = Type.Object(
  {
    endpoint: Type.String({
      default: '',
      pattern: '^(https?://[^/\\s]+)?$',
      description:
        'Another S3 store that takes the bytes of what is new. Empty: the state directory.',
      allowed: 'empty, or http(s)://HOST:PORT',
    }),
    bucket: Type.String({
      default: '',
      description: 'The bucket there; nothing else may be in it.',
    }),
    region: Type.String({ default: 'us-east-1', description: 'Its region.' }),
    access_key: Type.String({ default: '', description: 'The access key of its owner.' }),
    secret_file: Type.String({
      default: '',
      pattern: '^(/.*)?$',
      description: 'File with the secret of that key.',
      allowed: 'empty, or the absolute path of a file',
    }),
  },
  { ...closed, default: {}, description: 'Where bytes go.' },
);

const RealmSchema = Type.Object(
  {
    key_file: Type.String({
      ...absolute,
      description: 'File with the key that all clusters of the realm share.',
    }),
    clusters: Type.Record(
      Type.String(),
      Type.String({ pattern: '^https?://[^\\s]+$', allowed: 'http(s)://HOST:PORT/v1/' }),
      { description: 'Its clusters: names and the addresses of their accounts.' },
    ),
    current: Type.Optional(Type.String({ description: 'Which of them this cloud is.' })),
  },
  closed,
);

/** `[object]` of `welkin.toml`. */
export const ObjectSchema = Type.Object(
  {
    listen: Type.String({
      default: '',
      description:
        'Where the object store listens. Empty: the host of `listen`, its port and 3080 more (8080).',
      allowed: 'empty, or HOST:PORT, such as "127.0.0.1:8080"',
    }),
    public_url: Type.String({
      default: '',
      pattern: '^(https?://[^/\\s]+)?$',
      description: 'Its address in the service catalog. Empty: made from `object.listen`.',
      allowed: 'empty, or http(s)://HOST:PORT without a path',
    }),
    workers: Type.Integer({
      default: 1,
      minimum: 1,
      maximum: 64,
      description: 'Processes that share its port.',
    }),
    s3_domains: domains('Buckets are also reached as BUCKET.DOMAIN.'),
    swift_domains: domains('Containers are also reached as CONTAINER.ACCOUNT.DOMAIN.'),
    mirrors: Type.Array(Type.String(absolute), {
      default: [],
      description: 'Folders on other disks that hold all bytes too; damage is mended from them.',
    }),
    bytes: BytesSchema,
    service: Type.Array(
      Type.Object(
        {
          prefix: Type.String({ pattern: '^[A-Za-z0-9]+_$', allowed: 'such as "SERVICE_"' }),
          role: Type.String({ minLength: 1 }),
        },
        closed,
      ),
      {
        default: [],
        description:
          'Accounts PREFIX + project that are entered with a service token of ROLE only, each a table `[[object.service]]`.',
        allowed: 'tables with `prefix` and `role`',
      },
    ),
    webhooks: Type.Array(
      Type.String({ pattern: '^https?://[^/\\s]+/', allowed: 'http(s)://HOST/...' }),
      {
        default: [],
        description:
          'What the addresses that buckets notify may begin with. Empty: nobody is told.',
      },
    ),
    lifecycle_day_sec: Type.Integer({
      default: 86_400,
      minimum: 1,
      maximum: 86_400,
      description: 'Length of a day of lifecycle rules; shorter to try them.',
    }),
    sync_hosts: Type.Array(Type.String({ minLength: 1 }), {
      default: [],
      description: 'Hosts that containers may be synchronised to by their whole address.',
    }),
    sync_realm: Type.Record(Type.String({ pattern: '^[^/\\s]+$' }), RealmSchema, {
      default: {},
      description: 'Realms of clusters whose containers are synchronised, by name.',
    }),
  },
  { ...closed, default: {}, description: 'The object store.' },
);

export interface ObjectConfiguration {
  readonly workers: number;
  readonly s3Domains: readonly string[];
  readonly swiftDomains: readonly string[];
  readonly mirrors: readonly string[];
  /** Null: on the disk. */
  readonly bytes: {
    readonly endpoint: string;
    readonly bucket: string;
    readonly region: string;
    readonly access: string;
    readonly secretFile: string;
  } | null;
  readonly services: ObjectSettings['swift']['servicePrefixes'];
  readonly webhooks: readonly string[];
  readonly dayMs: number;
  readonly syncHosts: readonly string[];
  /** With `keyFile` in place of the key. */
  readonly syncRealms: readonly (Omit<SyncRealm, 'key'> & { readonly keyFile: string })[];
}

/** `refuse` names the key and what is wrong with it. */
export function objectConfigurationOf(
  raw: Static<typeof ObjectSchema>,
  refuse: (key: string, message: string) => Error,
): ObjectConfiguration {
  const { endpoint, bucket, region, access_key: access, secret_file: secretFile } = raw.bytes;
  const isOutside = endpoint !== '';
  for (const [key, value] of Object.entries({
    bucket,
    access_key: access,
    secret_file: secretFile,
  })) {
    if (isOutside === (value === ''))
      throw refuse(
        `object.bytes.${key}`,
        'object.bytes needs endpoint, bucket, access_key and secret_file',
      );
  }
  return {
    workers: raw.workers,
    s3Domains: raw.s3_domains,
    swiftDomains: raw.swift_domains,
    mirrors: raw.mirrors,
    bytes: isOutside ? { endpoint, bucket, region, access, secretFile } : null,
    services: raw.service.map(({ prefix, role }) => ({ prefix, role: role.toLowerCase() })),
    webhooks: raw.webhooks,
    dayMs: raw.lifecycle_day_sec * 1000,
    syncHosts: raw.sync_hosts,
    syncRealms: Object.entries(raw.sync_realm).map(([name, realm]) => ({
      name: name.toUpperCase(),
      keyFile: realm.key_file,
      current: realm.current?.toUpperCase() ?? null,
      clusters: Object.fromEntries(
        Object.entries(realm.clusters).map(([cluster, url]) => [cluster.toUpperCase(), url]),
      ),
    })),
  };
}
