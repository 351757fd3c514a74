import type { Static, TProperties } from 'typebox';
import { byVersion } from '../kernel/http/endpoint.ts';
import { Type } from '../kernel/type.ts';
import { Bool, Count, Description, Name } from './flavor.schema.ts';

export const strict = { additionalProperties: false };

/** oslo takes them without dashes, too. */
export const Uuid = Type.String({
  pattern: '^[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}$',
});
const Ipv4 = Type.String({ format: 'ipv4' });
const Ipv6 = Type.String({ format: 'ipv6' });
export const Ip = Type.Union([Ipv4, Ipv6]);
export const Tag = Type.String({ minLength: 1, maxLength: 60, pattern: '^[^,/]*$' });
export const Tags = Type.Array(Tag, { maxItems: 50 });
export const Metadata = Type.Record(
  Type.String({ pattern: '^[a-zA-Z0-9-_:. ]{1,255}$' }),
  Type.String({ maxLength: 255 }),
  strict,
);
const Hostname = Type.String({
  minLength: 2,
  maxLength: 63,
  pattern: '^[a-zA-Z0-9]+[a-zA-Z0-9-]*[a-zA-Z0-9]+$',
});
/** RFC 1123 names with dots, from 2.94 on. */
const Fqdn = Type.String({ minLength: 1, maxLength: 255, pattern: '^[a-zA-Z0-9-._]*$' });
const Base64 = Type.String({
  maxLength: 65_535,
  pattern: '^[A-Za-z0-9+/=\\s]*$',
});
const Personality = Type.Array(
  Type.Object({ path: Type.Optional(Type.String()), contents: Type.Optional(Base64) }, strict),
);
const Certificates = Type.Union([
  Type.Array(Type.String({ minLength: 1 }), { minItems: 1, maxItems: 50, uniqueItems: true }),
  Type.Null(),
]);

const legacyDevice = {
  virtual_name: Type.Optional(Type.String({ maxLength: 255 })),
  volume_id: Type.Optional(Uuid),
  snapshot_id: Type.Optional(Uuid),
  volume_size: Type.Optional(Count(1)),
  device_name: Type.Optional(Type.String({ minLength: 1, maxLength: 255 })),
  delete_on_termination: Type.Optional(Bool),
  no_device: Type.Optional(Type.Unknown()),
  connection_info: Type.Optional(Type.String()),
};
const device = {
  ...legacyDevice,
  source_type: Type.Optional(
    Type.Union(['volume', 'image', 'snapshot', 'blank'].map((kind) => Type.Literal(kind))),
  ),
  uuid: Type.Optional(Type.String({ minLength: 1, maxLength: 255, pattern: '^[a-zA-Z0-9._-]*$' })),
  image_id: Type.Optional(Uuid),
  destination_type: Type.Optional(Type.Union([Type.Literal('local'), Type.Literal('volume')])),
  guest_format: Type.Optional(Type.String({ maxLength: 255 })),
  device_type: Type.Optional(Type.String({ maxLength: 255 })),
  disk_bus: Type.Optional(Type.String({ maxLength: 255 })),
  boot_index: Type.Optional(
    Type.Union([Type.Integer(), Type.String({ pattern: '^-?[0-9]+$' }), Type.Null()]),
  ),
};
const deviceTagged = { ...device, tag: Type.Optional(Tag) };
const deviceTyped = {
  ...deviceTagged,
  volume_type: Type.Optional(Type.Union([Type.String({ maxLength: 255 }), Type.Null()])),
};
const devices = <P extends TProperties>(properties: P) =>
  Type.Optional(Type.Array(Type.Object(properties, strict)));

const nic = {
  fixed_ip: Type.Optional(Ip),
  port: Type.Optional(Type.Union([Uuid, Type.Null()])),
};
const nic21 = { ...nic, uuid: Type.Optional(Type.String()) };
const nic237 = { ...nic, uuid: Type.Optional(Uuid) };
const tagged = { tag: Type.Optional(Tag) };
const nics = <P extends TProperties>(properties: P) => Type.Array(Type.Object(properties, strict));
const nicsOrWord = <P extends TProperties>(properties: P) =>
  Type.Union([nics(properties), Type.Literal('none'), Type.Literal('auto')]);

const Hints = Type.Object(
  {
    group: Type.Optional(Uuid),
    different_host: Type.Optional(Type.Union([Uuid, Type.Array(Uuid)])),
    same_host: Type.Optional(Type.Union([Type.String(), Type.Array(Uuid)])),
    query: Type.Optional(Type.Union([Type.String(), Type.Object({})])),
    target_cell: Type.Optional(Name),
    different_cell: Type.Optional(Type.Union([Type.String(), Type.Array(Type.String())])),
    build_near_host_ip: Type.Optional(Ip),
    cidr: Type.Optional(Type.String({ pattern: '^/[0-9a-f.:]+$' })),
  },
  { additionalProperties: true },
);

const access = {
  'OS-DCF:diskConfig': Type.Optional(Type.Union([Type.Literal('AUTO'), Type.Literal('MANUAL')])),
  accessIPv4: Type.Optional(Ipv4),
  accessIPv6: Type.Optional(Ipv6),
};

const create21 = {
  ...access,
  name: Name,
  imageRef: Type.Optional(Type.Union([Uuid, Type.Literal('')])),
  flavorRef: Type.Union([Type.String({ minLength: 1 }), Type.Integer()]),
  adminPass: Type.Optional(Type.String()),
  metadata: Type.Optional(Metadata),
  networks: Type.Optional(nics(nic21)),
  personality: Type.Optional(Personality),
  availability_zone: Type.Optional(Name),
  block_device_mapping: devices(legacyDevice),
  block_device_mapping_v2: devices(device),
  config_drive: Type.Optional(Bool),
  key_name: Type.Optional(Name),
  min_count: Type.Optional(Count(1)),
  max_count: Type.Optional(Count(1)),
  return_reservation_id: Type.Optional(Bool),
  security_groups: Type.Optional(Type.Array(Type.Object({ name: Type.Optional(Name) }, strict))),
  user_data: Type.Optional(Base64),
};
const create219 = { ...create21, description: Type.Optional(Description) };
const create232 = {
  ...create219,
  networks: Type.Optional(nics({ ...nic21, ...tagged })),
  block_device_mapping_v2: devices(deviceTagged),
};
// Nova lost the tags of block devices between 2.33 and 2.41, and the tags of networks between 2.37 and 2.41.
const create233 = { ...create232, block_device_mapping_v2: devices(device) };
const create237 = { ...create233, networks: nicsOrWord(nic237) };
const create242 = {
  ...create237,
  networks: nicsOrWord({ ...nic237, ...tagged }),
  block_device_mapping_v2: devices(deviceTagged),
};
const create252 = { ...create242, tags: Type.Optional(Tags) };
const { personality: _none, ...create257 } = create252;
const create263 = { ...create257, trusted_image_certificates: Type.Optional(Certificates) };
const create267 = { ...create263, block_device_mapping_v2: devices(deviceTyped) };
const create274 = {
  ...create267,
  host: Type.Optional(Fqdn),
  hypervisor_hostname: Type.Optional(Fqdn),
};
const create290 = { ...create274, hostname: Type.Optional(Hostname) };
const create294 = { ...create290, hostname: Type.Optional(Fqdn) };

const createBody = (properties: TProperties) =>
  Type.Object(
    {
      server: Type.Object(properties, strict),
      'os:scheduler_hints': Type.Optional(Hints),
      'OS-SCH-HNT:scheduler_hints': Type.Optional(Hints),
    },
    strict,
  );

export const ServerCreateBody = byVersion(
  ['2.1', createBody(create21)],
  ['2.19', createBody(create219)],
  ['2.32', createBody(create232)],
  ['2.33', createBody(create233)],
  ['2.37', createBody(create237)],
  ['2.42', createBody(create242)],
  ['2.52', createBody(create252)],
  ['2.57', createBody(create257)],
  ['2.63', createBody(create263)],
  ['2.67', createBody(create267)],
  ['2.74', createBody(create274)],
  ['2.90', createBody(create290)],
  ['2.94', createBody(create294)],
);

/** Every key that any version takes: the handler sees bodies that were checked by their own version's schema. */
const createAny = Type.Object({
  ...create294,
  networks: Type.Optional(nicsOrWord({ ...nic21, ...tagged })),
  personality: Type.Optional(Personality),
});
export interface ServerCreateWire {
  readonly server: Static<typeof createAny>;
  readonly 'os:scheduler_hints'?: Readonly<Record<string, unknown>>;
  readonly 'OS-SCH-HNT:scheduler_hints'?: Readonly<Record<string, unknown>>;
}

const update21 = { ...access, name: Type.Optional(Name) };
const update219 = { ...update21, description: Type.Optional(Description) };
const update290 = { ...update219, hostname: Type.Optional(Hostname) };
const update294 = { ...update219, hostname: Type.Optional(Fqdn) };
const updateBody = (properties: TProperties) =>
  Type.Object({ server: Type.Object(properties, strict) }, strict);
export const ServerUpdateBody = byVersion(
  ['2.1', updateBody(update21)],
  ['2.19', updateBody(update219)],
  ['2.90', updateBody(update290)],
  ['2.94', updateBody(update294)],
);
const updateAny = Type.Object(update294);
export interface ServerUpdateWire {
  readonly server: Static<typeof updateAny>;
}

const rebuild21 = {
  ...access,
  imageRef: Uuid,
  name: Type.Optional(Name),
  adminPass: Type.Optional(Type.String()),
  metadata: Type.Optional(Metadata),
  preserve_ephemeral: Type.Optional(Bool),
  personality: Type.Optional(Personality),
};
const rebuild219 = { ...rebuild21, description: Type.Optional(Description) };
const NameOrNull = Type.Union([Type.String({ minLength: 1, maxLength: 255 }), Type.Null()]);
const rebuild254 = { ...rebuild219, key_name: Type.Optional(NameOrNull) };
const { personality: _no, ...rebuildWithout } = rebuild254;
const rebuild257 = {
  ...rebuildWithout,
  user_data: Type.Optional(Type.Union([Base64, Type.Null()])),
};
const rebuild263 = { ...rebuild257, trusted_image_certificates: Type.Optional(Certificates) };
const rebuild290 = { ...rebuild263, hostname: Type.Optional(Hostname) };
const rebuild294 = { ...rebuild263, hostname: Type.Optional(Fqdn) };
const rebuildBody = (properties: TProperties) =>
  Type.Object({ rebuild: Type.Object(properties, strict) }, strict);
export const ServerRebuildBody = byVersion(
  ['2.1', rebuildBody(rebuild21)],
  ['2.19', rebuildBody(rebuild219)],
  ['2.54', rebuildBody(rebuild254)],
  ['2.57', rebuildBody(rebuild257)],
  ['2.63', rebuildBody(rebuild263)],
  ['2.90', rebuildBody(rebuild290)],
  ['2.94', rebuildBody(rebuild294)],
);
const rebuildAny = Type.Object({ ...rebuild294, personality: Type.Optional(Personality) });
export interface ServerRebuildWire {
  readonly rebuild: Static<typeof rebuildAny>;
}
