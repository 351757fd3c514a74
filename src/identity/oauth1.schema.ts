import type { Static } from 'typebox';
import { Type } from '../kernel/type.ts';
import { IdText, NameText, Nullable, Open, SelfLink } from './schema.ts';

const attributes = { description: Type.Optional(Nullable(Type.String())) };

export const ConsumerCreateBody = Type.Object({ consumer: Open(attributes) });
export const ConsumerUpdateBody = Type.Object({
  consumer: Type.Object(attributes, { additionalProperties: true, minProperties: 1 }),
});
export type ConsumerWanted = Static<typeof ConsumerCreateBody>['consumer'];

export const ConsumerReply = Open({
  id: Type.String(),
  description: Nullable(Type.String()),
  links: SelfLink,
});

const RoleNamed = Type.Object(
  { id: Type.Optional(IdText), name: Type.Optional(NameText) },
  { additionalProperties: false, minProperties: 1, maxProperties: 1 },
);
export const AuthorizeBody = Type.Object({ roles: Type.Array(RoleNamed) });
export type RolesWanted = Static<typeof AuthorizeBody>['roles'];

export const AccessTokenReply = Type.Object({
  id: Type.String(),
  consumer_id: Type.String(),
  authorizing_user_id: Type.String(),
  project_id: Type.String(),
  expires_at: Type.String(),
  links: Type.Object({ self: Type.String(), roles: Type.String() }),
});
