import type { Static } from 'typebox';
import { Type } from '../kernel/type.ts';
import {
  BooleanLike,
  IntegerLike,
  Name,
  Nullable,
  ownership,
  standardView,
  Strings,
  tagsView,
  viewOf,
  wishOf,
} from './collection.schema.ts';

const Mode = Type.Union([
  Type.Literal('slaac'),
  Type.Literal('dhcpv6-stateful'),
  Type.Literal('dhcpv6-stateless'),
]);
const Pool = Type.Object({ start: Type.String(), end: Type.String() });
const Route = Type.Object({ destination: Type.String(), nexthop: Type.String() });
const Strict = { additionalProperties: false };

export const SubnetView = viewOf({
  ...standardView,
  ...tagsView,
  name: Type.String(),
  network_id: Type.String(),
  ip_version: Type.Union([Type.Literal(4), Type.Literal(6)]),
  cidr: Type.String(),
  gateway_ip: Nullable(Type.String()),
  enable_dhcp: Type.Boolean(),
  ipv6_ra_mode: Nullable(Mode),
  ipv6_address_mode: Nullable(Mode),
  allocation_pools: Type.Array(Pool),
  dns_nameservers: Strings,
  host_routes: Type.Array(Route),
  subnetpool_id: Nullable(Type.String()),
});
export type SubnetView = Static<typeof SubnetView>;

const changeable = {
  name: Type.Optional(Name),
  description: Type.Optional(Name),
  gateway_ip: Type.Optional(Nullable(Name)),
  enable_dhcp: Type.Optional(BooleanLike),
  allocation_pools: Type.Optional(
    Nullable(Type.Array(Type.Object({ start: Name, end: Name }, Strict), { maxItems: 1_000 })),
  ),
  dns_nameservers: Type.Optional(Nullable(Type.Array(Name))),
  host_routes: Type.Optional(
    Nullable(Type.Array(Type.Object({ destination: Name, nexthop: Name }, Strict))),
  ),
};

export const SubnetWish = wishOf({
  ...ownership,
  ...changeable,
  network_id: Name,
  ip_version: IntegerLike,
  cidr: Type.Optional(Nullable(Name)),
  subnetpool_id: Type.Optional(Nullable(Name)),
  use_default_subnetpool: Type.Optional(BooleanLike),
  prefixlen: Type.Optional(Nullable(IntegerLike)),
  ipv6_ra_mode: Type.Optional(Mode),
  ipv6_address_mode: Type.Optional(Mode),
});
export type SubnetWish = Static<typeof SubnetWish>;

export const SubnetChange = wishOf(changeable);
export type SubnetChange = Static<typeof SubnetChange>;
