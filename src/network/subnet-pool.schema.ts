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

export const SubnetPoolView = viewOf({
  ...standardView,
  ...tagsView,
  name: Type.String(),
  ip_version: Type.Integer(),
  prefixes: Strings,
  default_prefixlen: Type.Integer(),
  min_prefixlen: Type.Integer(),
  max_prefixlen: Type.Integer(),
  default_quota: Nullable(Type.Integer()),
  is_default: Type.Boolean(),
  shared: Type.Boolean(),
  address_scope_id: Type.Null(),
});
export type SubnetPoolView = Static<typeof SubnetPoolView>;

const changeable = {
  description: Type.Optional(Name),
  default_prefixlen: Type.Optional(IntegerLike),
  min_prefixlen: Type.Optional(IntegerLike),
  max_prefixlen: Type.Optional(IntegerLike),
  default_quota: Type.Optional(Nullable(IntegerLike)),
  is_default: Type.Optional(BooleanLike),
};
const PoolName = Type.String({ minLength: 1, maxLength: 255 });
export const Prefixes = Type.Array(Name, { minItems: 1, maxItems: 1_000 });

export const SubnetPoolWish = wishOf({
  ...ownership,
  ...changeable,
  name: PoolName,
  prefixes: Prefixes,
  shared: Type.Optional(BooleanLike),
});
export type SubnetPoolWish = Static<typeof SubnetPoolWish>;

export const SubnetPoolChange = wishOf({
  ...changeable,
  name: Type.Optional(PoolName),
  prefixes: Type.Optional(Prefixes),
});
export type SubnetPoolChange = Static<typeof SubnetPoolChange>;
