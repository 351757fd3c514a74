import type { Static } from 'typebox';
import { isIP } from 'node:net';
import { Type } from '../kernel/type.ts';

const closed = { additionalProperties: false };

/** One store; which keys it needs depends on its type. */
const StoreSchema = Type.Object(
  {
    id: Type.String({
      pattern: '^[a-z][a-z0-9_-]{0,63}$',
      allowed: 'lower case letters, digits, "-" and "_"',
    }),
    type: Type.Union([
      Type.Literal('file'),
      Type.Literal('s3'),
      Type.Literal('swift'),
      Type.Literal('http'),
    ]),
    directory: Type.Optional(Type.String({ pattern: '^/.' })),
    description: Type.Optional(Type.String()),
    endpoint: Type.Optional(Type.String({ pattern: '^https?://[^\\s]+$' })),
    region: Type.Optional(Type.String()),
    bucket: Type.Optional(Type.String()),
    prefix: Type.Optional(Type.String()),
    style: Type.Optional(Type.Union([Type.Literal('path'), Type.Literal('virtual')])),
    access_key: Type.Optional(Type.String()),
    container: Type.Optional(Type.String()),
    user: Type.Optional(Type.String()),
    user_domain: Type.Optional(Type.String()),
    project: Type.Optional(Type.String()),
    project_domain: Type.Optional(Type.String()),
    secret_file: Type.Optional(Type.String({ pattern: '^/' })),
    ca_file: Type.Optional(Type.String({ pattern: '^/' })),
  },
  closed,
);
export type StoreRaw = Static<typeof StoreSchema>;

const path = { pattern: '^(/.*)?$', allowed: 'empty, or an absolute path', default: '' };

export const ImageSchema = Type.Object(
  {
    store: Type.Array(StoreSchema, {
      default: [],
      description: 'More stores, each a table `[[image.store]]`: see images.md.',
      allowed: 'tables with `id`, `type` and what the type needs',
    }),
    default_store: Type.String({
      default: 'file',
      description: 'The store that takes images when none is named.',
    }),
    convert_to: Type.Union([Type.Literal('none'), Type.Literal('qcow2'), Type.Literal('raw')], {
      default: 'none',
      description: 'What imported disks are converted to.',
    }),
    size_limit_gib: Type.Integer({
      default: 1024,
      minimum: 1,
      maximum: 1_048_576,
      description: 'No image is larger.',
    }),
    storage_quota_gib: Type.Integer({
      default: 0,
      minimum: 0,
      maximum: 1_048_576,
      description: 'What the images of one project may take, each copy counted. 0: any amount.',
    }),
    download_allow: Type.Array(
      Type.String({
        pattern: '^[0-9a-fA-F.:]+/\\d{1,3}$',
        allowed: 'a range such as "10.0.0.0/8"',
      }),
      {
        default: [],
        description: 'Ranges that images may be downloaded from although they are not public.',
      },
    ),
    download_ports: Type.Array(Type.Integer({ minimum: 1, maximum: 65_535 }), {
      default: [80, 443],
      description: 'Ports that images may be downloaded from.',
    }),
    show_multiple_locations: Type.Boolean({
      default: false,
      description:
        'Images show where their bytes lie, and their owners may add addresses of the web.',
    }),
    certificates_dir: Type.String({
      ...path,
      description: 'Folder of certificates, `ID.pem` each, by which signed images are verified.',
    }),
    property_protections: Type.String({
      ...path,
      description: 'File that says which roles may do what with which custom properties.',
    }),
  },
  { ...closed, default: {}, description: 'Images.' },
);

export interface ImageConfiguration {
  readonly stores: readonly StoreRaw[];
  readonly defaultStore: string;
  readonly convertTo: 'none' | 'qcow2' | 'raw';
  readonly sizeLimitBytes: number;
  /** Null: any amount. */
  readonly storageQuotaBytes: number | null;
  readonly downloadAllow: readonly string[];
  readonly downloadPorts: readonly number[];
  readonly showsLocations: boolean;
  readonly certificatesDir: string | null;
  readonly propertyProtections: string | null;
}

const needed: Readonly<Record<StoreRaw['type'], readonly (keyof StoreRaw)[]>> = {
  file: ['directory'],
  s3: ['endpoint', 'bucket', 'access_key', 'secret_file'],
  swift: ['endpoint', 'container', 'user', 'project', 'secret_file'],
  http: [],
};

/** `refuse` names the key and what is wrong with it. */
export function imageConfigurationOf(
  raw: Static<typeof ImageSchema>,
  refuse: (key: string, message: string) => Error,
): ImageConfiguration {
  const gib = 2 ** 30;
  const ids = ['file', ...raw.store.map(({ id }) => id)];
  for (const store of raw.store) {
    const missing = needed[store.type].find((key) => store[key] === undefined);
    if (missing !== undefined) {
      throw refuse('image.store', `the store "${store.id}" of type ${store.type} needs ${missing}`);
    }
    if (ids.indexOf(store.id) !== ids.lastIndexOf(store.id) || store.id === 'staging') {
      throw refuse('image.store', `there is another store "${store.id}"`);
    }
  }
  const writable = ids.filter((id) => raw.store.find((one) => one.id === id)?.type !== 'http');
  if (!writable.includes(raw.default_store)) {
    throw refuse('image.default_store', `it must be one of ${writable.join(', ')}`);
  }
  const range = raw.download_allow.find((text) => !isRange(text));
  if (range !== undefined) throw refuse('image.download_allow', `"${range}" is not a range`);
  return {
    stores: raw.store,
    defaultStore: raw.default_store,
    convertTo: raw.convert_to,
    sizeLimitBytes: raw.size_limit_gib * gib,
    storageQuotaBytes: raw.storage_quota_gib === 0 ? null : raw.storage_quota_gib * gib,
    downloadAllow: raw.download_allow,
    downloadPorts: raw.download_ports,
    showsLocations: raw.show_multiple_locations,
    certificatesDir: raw.certificates_dir === '' ? null : raw.certificates_dir,
    propertyProtections: raw.property_protections === '' ? null : raw.property_protections,
  };
}

function isRange(text: string): boolean {
  const [network = '', length = ''] = text.split('/');
  const family = isIP(network);
  return family !== 0 && Number(length) <= (family === 4 ? 32 : 128);
}
