import type { Static } from 'typebox';
import { Type } from '../kernel/type.ts';
import {
  BooleanLike,
  Name,
  Nullable,
  ownership,
  standardView,
  tagsView,
  viewOf,
  wishOf,
} from './collection.schema.ts';

export const RuleView = viewOf({
  ...standardView,
  security_group_id: Type.String(),
  direction: Type.Union([Type.Literal('ingress'), Type.Literal('egress')]),
  ethertype: Type.Union([Type.Literal('IPv4'), Type.Literal('IPv6')]),
  protocol: Nullable(Type.String()),
  port_range_min: Nullable(Type.Integer()),
  port_range_max: Nullable(Type.Integer()),
  remote_group_id: Nullable(Type.String()),
  remote_ip_prefix: Nullable(Type.String()),
  normalized_cidr: Nullable(Type.String()),
  belongs_to_default_sg: Type.Boolean(),
});
export type RuleView = Static<typeof RuleView>;

export const GroupView = viewOf({
  ...standardView,
  ...tagsView,
  name: Type.String(),
  stateful: Type.Boolean(),
  shared: Type.Boolean(),
  security_group_rules: Type.Array(RuleView),
});
export type GroupView = Static<typeof GroupView>;

const groupFields = {
  name: Type.Optional(Name),
  description: Type.Optional(Name),
  stateful: Type.Optional(BooleanLike),
};
export const GroupWish = wishOf({ ...ownership, ...groupFields });
export type GroupWish = Static<typeof GroupWish>;
export const GroupChange = wishOf(groupFields);
export type GroupChange = Static<typeof GroupChange>;

const PortValue = Nullable(Type.Union([Type.Integer(), Type.String({ maxLength: 16 })]));
export const RuleWish = wishOf({
  ...ownership,
  security_group_id: Name,
  direction: Type.Union([Type.Literal('ingress'), Type.Literal('egress')]),
  ethertype: Type.Optional(Nullable(Type.String({ maxLength: 16 }))),
  protocol: Type.Optional(Nullable(Type.Union([Type.String({ maxLength: 40 }), Type.Integer()]))),
  port_range_min: Type.Optional(PortValue),
  port_range_max: Type.Optional(PortValue),
  remote_group_id: Type.Optional(Nullable(Name)),
  remote_ip_prefix: Type.Optional(Nullable(Name)),
  description: Type.Optional(Name),
});
export type RuleWish = Static<typeof RuleWish>;
