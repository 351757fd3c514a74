import type { Static } from 'typebox';
import { Type } from '../kernel/type.ts';
import {
  Name,
  Nullable,
  ownership,
  standardView,
  Strings,
  tagsView,
  viewOf,
  wishOf,
} from './collection.schema.ts';

export const FloatingIpView = viewOf({
  ...standardView,
  ...tagsView,
  floating_network_id: Type.String(),
  floating_ip_address: Type.String(),
  port_id: Nullable(Type.String()),
  fixed_ip_address: Nullable(Type.String()),
  router_id: Nullable(Type.String()),
  status: Type.String(),
  port_details: Nullable(
    Type.Object({
      name: Type.String(),
      network_id: Type.String(),
      mac_address: Type.String(),
      admin_state_up: Type.Boolean(),
      status: Type.String(),
      device_id: Type.String(),
      device_owner: Type.String(),
    }),
  ),
});
export type FloatingIpView = Static<typeof FloatingIpView>;

const changeable = {
  description: Type.Optional(Name),
  port_id: Type.Optional(Nullable(Name)),
  fixed_ip_address: Type.Optional(Nullable(Name)),
};

export const FloatingIpWish = wishOf({
  ...ownership,
  ...changeable,
  floating_network_id: Name,
  subnet_id: Type.Optional(Nullable(Name)),
  floating_ip_address: Type.Optional(Nullable(Name)),
  tags: Type.Optional(Strings),
});
export type FloatingIpWish = Static<typeof FloatingIpWish>;

export const FloatingIpChange = wishOf(changeable);
export type FloatingIpChange = Static<typeof FloatingIpChange>;
