import { Type } from '../kernel/type.ts';
import { strict } from './server.schema.ts';

const Text = Type.String();
const TextOrNull = Type.Union([Text, Type.Null()]);
export const Links = Type.Array(Type.Object({ rel: Text, href: Text }, strict));

export const Addresses = Type.Record(
  Text,
  Type.Array(
    Type.Object(
      {
        version: Type.Union([Type.Literal(4), Type.Literal(6)]),
        addr: Text,
        'OS-EXT-IPS:type': Type.Optional(Text),
        'OS-EXT-IPS-MAC:mac_addr': Type.Optional(Text),
      },
      strict,
    ),
  ),
);

const FlavorOf = Type.Union([
  Type.Object({ id: Text, links: Links }, strict),
  Type.Object(
    {
      vcpus: Type.Integer(),
      ram: Type.Integer(),
      disk: Type.Integer(),
      ephemeral: Type.Integer(),
      swap: Type.Integer(),
      original_name: Text,
      extra_specs: Type.Optional(Type.Record(Text, Text)),
    },
    strict,
  ),
]);

export const ServerBrief = Type.Object({ id: Text, name: Text, links: Links }, strict);

const server = {
  id: Text,
  name: Text,
  status: Text,
  tenant_id: Text,
  user_id: Text,
  metadata: Type.Record(Text, Text),
  hostId: Text,
  image: Type.Union([Type.Literal(''), Type.Object({ id: Text, links: Links }, strict)]),
  flavor: FlavorOf,
  created: Text,
  updated: Text,
  addresses: Addresses,
  accessIPv4: Text,
  accessIPv6: Text,
  links: Links,
  'OS-DCF:diskConfig': Type.Union([Type.Literal('AUTO'), Type.Literal('MANUAL')]),
  progress: Type.Optional(Type.Integer()),
  fault: Type.Optional(
    Type.Object(
      { code: Type.Integer(), created: Text, message: Text, details: Type.Optional(Text) },
      strict,
    ),
  ),
  key_name: Type.Optional(TextOrNull),
  'OS-EXT-AZ:availability_zone': Type.Optional(Text),
  config_drive: Type.Optional(Type.Union([Type.Literal(''), Type.Literal('True')])),
  'OS-SRV-USG:launched_at': Type.Optional(TextOrNull),
  'OS-SRV-USG:terminated_at': Type.Optional(TextOrNull),
  security_groups: Type.Optional(Type.Array(Type.Object({ name: Text }, strict))),
  'OS-EXT-SRV-ATTR:host': Type.Optional(TextOrNull),
  'OS-EXT-SRV-ATTR:instance_name': Type.Optional(Text),
  'OS-EXT-SRV-ATTR:hypervisor_hostname': Type.Optional(TextOrNull),
  'OS-EXT-SRV-ATTR:reservation_id': Type.Optional(Text),
  'OS-EXT-SRV-ATTR:launch_index': Type.Optional(Type.Integer()),
  'OS-EXT-SRV-ATTR:hostname': Type.Optional(Text),
  'OS-EXT-SRV-ATTR:kernel_id': Type.Optional(Text),
  'OS-EXT-SRV-ATTR:ramdisk_id': Type.Optional(Text),
  'OS-EXT-SRV-ATTR:root_device_name': Type.Optional(Text),
  'OS-EXT-SRV-ATTR:user_data': Type.Optional(TextOrNull),
  'OS-EXT-STS:task_state': Type.Optional(TextOrNull),
  'OS-EXT-STS:vm_state': Type.Optional(Text),
  'OS-EXT-STS:power_state': Type.Optional(Type.Integer()),
  'os-extended-volumes:volumes_attached': Type.Optional(Type.Array(Type.Object({}, strict))),
  host_status: Type.Optional(Text),
  locked: Type.Optional(Type.Boolean()),
  locked_reason: Type.Optional(TextOrNull),
  description: Type.Optional(TextOrNull),
  tags: Type.Optional(Type.Array(Text)),
  trusted_image_certificates: Type.Optional(Type.Null()),
  server_groups: Type.Optional(Type.Array(Text)),
  pinned_availability_zone: Type.Optional(TextOrNull),
};

export const ServerShown = Type.Object(server, strict);
export const ServerRebuilt = Type.Object(
  { ...server, adminPass: Type.Optional(Text), user_data: Type.Optional(TextOrNull) },
  strict,
);
export const ServerMade = Type.Object(
  {
    id: Text,
    links: Links,
    'OS-DCF:diskConfig': Text,
    security_groups: Type.Array(Type.Object({ name: Type.Optional(Text) }, strict)),
    adminPass: Text,
  },
  strict,
);
