import type { Static } from 'typebox';
import { Type } from '../kernel/type.ts';
import { RoleNamed } from './application-credential.schema.ts';
import { RoleReply } from './role.schema.ts';
import { IdText, Nullable, Open, SelfLink } from './schema.ts';

const UserId = Type.String({ minLength: 1, maxLength: 64 });

export const TrustCreateBody = Type.Object({
  trust: Open({
    trustor_user_id: UserId,
    trustee_user_id: UserId,
    impersonation: Type.Boolean(),
    project_id: Type.Optional(Nullable(IdText)),
    remaining_uses: Type.Optional(Nullable(Type.Integer({ minimum: 1 }))),
    expires_at: Type.Optional(Nullable(Type.String())),
    allow_redelegation: Type.Optional(Nullable(Type.Boolean())),
    redelegation_count: Type.Optional(Nullable(Type.Integer({ minimum: 0 }))),
    roles: Type.Optional(Type.Array(RoleNamed)),
  }),
});
export type TrustWanted = Static<typeof TrustCreateBody>['trust'];

export const TrustReply = Open({
  id: Type.String(),
  trustor_user_id: Type.String(),
  trustee_user_id: Type.String(),
  project_id: Nullable(Type.String()),
  impersonation: Type.Boolean(),
  expires_at: Nullable(Type.String()),
  deleted_at: Type.Null(),
  remaining_uses: Nullable(Type.Integer()),
  redelegated_trust_id: Nullable(Type.String()),
  redelegation_count: Type.Integer(),
  roles: Type.Optional(Type.Array(RoleReply)),
  links: SelfLink,
});
