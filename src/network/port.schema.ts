import type { Static } from 'typebox';
import { Type } from '../kernel/type.ts';
import {
  BooleanLike,
  Name,
  Nullable,
  ownership,
  standardView,
  Strings,
  tagsView,
  viewOf,
  wishOf,
} from './collection.schema.ts';

const Open = Type.Record(Type.String(), Type.Unknown());
const Pair = Type.Object({ ip_address: Type.String(), mac_address: Type.String() });
const Option = Type.Object({
  opt_name: Type.String(),
  opt_value: Type.String(),
  ip_version: Type.Integer(),
});

export const PortView = viewOf({
  ...standardView,
  ...tagsView,
  name: Type.String(),
  network_id: Type.String(),
  admin_state_up: Type.Boolean(),
  mac_address: Type.String(),
  fixed_ips: Type.Array(Type.Object({ subnet_id: Type.String(), ip_address: Type.String() })),
  device_id: Type.String(),
  device_owner: Type.String(),
  status: Type.Union([Type.Literal('ACTIVE'), Type.Literal('DOWN')]),
  security_groups: Strings,
  port_security_enabled: Type.Boolean(),
  allowed_address_pairs: Type.Array(Pair),
  extra_dhcp_opts: Type.Array(Option),
  'binding:host_id': Type.String(),
  'binding:profile': Open,
  'binding:vif_details': Open,
  'binding:vif_type': Type.String(),
  'binding:vnic_type': Type.String(),
});
export type PortView = Static<typeof PortView>;

const Strict = { additionalProperties: false };
const FixedIps = Type.Array(
  Type.Object(
    { subnet_id: Type.Optional(Nullable(Name)), ip_address: Type.Optional(Nullable(Name)) },
    Strict,
  ),
);
const Pairs = Type.Array(
  Type.Object({ ip_address: Name, mac_address: Type.Optional(Nullable(Name)) }, Strict),
);
const Options = Type.Array(
  Type.Object(
    {
      opt_name: Type.String({ minLength: 1, maxLength: 64 }),
      opt_value: Type.Optional(Nullable(Name)),
      ip_version: Type.Optional(Type.Union([Type.Integer(), Type.String({ pattern: '^[46]$' })])),
    },
    Strict,
  ),
);

const changeable = {
  name: Type.Optional(Name),
  description: Type.Optional(Name),
  admin_state_up: Type.Optional(BooleanLike),
  mac_address: Type.Optional(Nullable(Name)),
  fixed_ips: Type.Optional(Nullable(FixedIps)),
  device_id: Type.Optional(Name),
  device_owner: Type.Optional(Name),
  security_groups: Type.Optional(Nullable(Type.Array(Name))),
  port_security_enabled: Type.Optional(BooleanLike),
  allowed_address_pairs: Type.Optional(Nullable(Pairs)),
  extra_dhcp_opts: Type.Optional(Nullable(Options)),
  'binding:host_id': Type.Optional(Nullable(Name)),
  'binding:profile': Type.Optional(Nullable(Open)),
  'binding:vnic_type': Type.Optional(Name),
};

export const PortWish = wishOf({
  ...ownership,
  ...changeable,
  network_id: Name,
  tags: Type.Optional(Strings),
});
export type PortWish = Static<typeof PortWish>;

export const PortChange = wishOf(changeable);
export type PortChange = Static<typeof PortChange>;
