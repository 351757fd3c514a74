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

const Route = Type.Object({ destination: Type.String(), nexthop: Type.String() });

export const RouterView = viewOf({
  ...standardView,
  ...tagsView,
  name: Type.String(),
  admin_state_up: Type.Boolean(),
  status: Type.Literal('ACTIVE'),
  external_gateway_info: Nullable(
    Type.Object({
      network_id: Type.String(),
      enable_snat: Type.Boolean(),
      external_fixed_ips: Type.Array(
        Type.Object({ subnet_id: Type.String(), ip_address: Type.String() }),
      ),
    }),
  ),
  routes: Type.Array(Route),
  availability_zone_hints: Strings,
  availability_zones: Strings,
});
export type RouterView = Static<typeof RouterView>;

const AddressWish = wishOf({
  subnet_id: Type.Optional(Nullable(Name)),
  ip_address: Type.Optional(Nullable(Name)),
});

/** An empty object takes the gateway away, as null does. */
export const GatewayWish = wishOf({
  network_id: Type.Optional(Nullable(Name)),
  enable_snat: Type.Optional(BooleanLike),
  external_fixed_ips: Type.Optional(Nullable(Type.Array(AddressWish))),
});
export type GatewayWish = Static<typeof GatewayWish>;

const RouteWish = wishOf({ destination: Name, nexthop: Name });

const changeable = {
  name: Type.Optional(Name),
  description: Type.Optional(Name),
  admin_state_up: Type.Optional(BooleanLike),
  external_gateway_info: Type.Optional(Nullable(GatewayWish)),
};

export const RouterWish = wishOf({
  ...ownership,
  ...changeable,
  availability_zone_hints: Type.Optional(Strings),
});
export type RouterWish = Static<typeof RouterWish>;

export const RouterChange = wishOf({
  ...changeable,
  routes: Type.Optional(Nullable(Type.Array(RouteWish))),
});
export type RouterChange = Static<typeof RouterChange>;

export const RoutesBody = wishOf({ router: wishOf({ routes: Type.Array(RouteWish) }) });

export const InterfaceBody = wishOf({
  subnet_id: Type.Optional(Nullable(Name)),
  port_id: Type.Optional(Nullable(Name)),
});
export type InterfaceBody = Static<typeof InterfaceBody>;

export const InterfaceReply = viewOf({
  id: Type.String(),
  project_id: Type.String(),
  tenant_id: Type.String(),
  port_id: Type.String(),
  network_id: Type.String(),
  subnet_id: Type.String(),
  subnet_ids: Strings,
  tags: Strings,
});
export type InterfaceReply = Static<typeof InterfaceReply>;
