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

export const NetworkView = viewOf({
  ...standardView,
  ...tagsView,
  name: Type.String(),
  admin_state_up: Type.Boolean(),
  status: Type.Literal('ACTIVE'),
  subnets: Strings,
  shared: Type.Boolean(),
  mtu: Type.Integer(),
  port_security_enabled: Type.Boolean(),
  'router:external': Type.Boolean(),
  is_default: Type.Boolean(),
  availability_zone_hints: Strings,
  availability_zones: Strings,
  'provider:network_type': Type.String(),
  'provider:physical_network': Nullable(Type.String()),
  'provider:segmentation_id': Nullable(Type.Integer()),
});
export type NetworkView = Static<typeof NetworkView>;

const changeable = {
  name: Type.Optional(Name),
  description: Type.Optional(Name),
  admin_state_up: Type.Optional(BooleanLike),
  shared: Type.Optional(BooleanLike),
  mtu: Type.Optional(IntegerLike),
  port_security_enabled: Type.Optional(BooleanLike),
  'router:external': Type.Optional(BooleanLike),
  is_default: Type.Optional(BooleanLike),
};

const provider = {
  'provider:network_type': Type.Optional(Nullable(Name)),
  'provider:physical_network': Type.Optional(Nullable(Name)),
  'provider:segmentation_id': Type.Optional(Nullable(IntegerLike)),
};

export const NetworkWish = wishOf({
  ...ownership,
  ...changeable,
  ...provider,
  availability_zone_hints: Type.Optional(Strings),
});
export type NetworkWish = Static<typeof NetworkWish>;

export const NetworkChange = wishOf({ ...changeable, ...provider });
export type NetworkChange = Static<typeof NetworkChange>;
