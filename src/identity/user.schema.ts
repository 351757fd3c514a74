import type { Static } from 'typebox';
import { Type } from '../kernel/type.ts';
import { IdText, NameText, Nullable, Open, OpenPartial, OptionsText, SelfLink } from './schema.ts';

const Flag = Type.Optional(Nullable(Type.Boolean()));

const Options = Type.Object({
  ignore_change_password_upon_first_use: Flag,
  ignore_password_expiry: Flag,
  ignore_lockout_failure_attempts: Flag,
  ignore_user_inactivity: Flag,
  lock_password: Flag,
  multi_factor_auth_enabled: Flag,
  multi_factor_auth_rules: Type.Optional(
    Nullable(
      Type.Array(Type.Array(Type.String(), { minItems: 1, uniqueItems: true }), {
        uniqueItems: true,
      }),
    ),
  ),
});

const Federated = Type.Array(
  Type.Object(
    {
      idp_id: Type.String(),
      protocols: Type.Array(
        Type.Object(
          { protocol_id: Type.String(), unique_id: Type.String() },
          { additionalProperties: true },
        ),
        { minItems: 1 },
      ),
    },
    { additionalProperties: true },
  ),
);
export type FederatedWanted = Static<typeof Federated>;

const attributes = {
  federated: Type.Optional(Federated),
  default_project_id: Type.Optional(Nullable(IdText)),
  description: Type.Optional(Nullable(Type.String())),
  domain_id: Type.Optional(IdText),
  enabled: Type.Optional(Type.Boolean()),
  password: Type.Optional(Nullable(Type.String())),
  options: Type.Optional(Options),
};

export const UserCreateBody = Type.Object({ user: Open({ ...attributes, name: NameText }) });
export type UserCreateWanted = Static<typeof UserCreateBody>['user'];

export const UserUpdateBody = Type.Object({ user: OpenPartial({ ...attributes, name: NameText }) });
export type UserUpdateWanted = Static<typeof UserUpdateBody>['user'];

export const PasswordChangeBody = Type.Object({
  user: Type.Object(
    { original_password: Type.String(), password: Type.String() },
    { additionalProperties: false },
  ),
});

export const UserReply = Open({
  id: Type.String(),
  name: Type.String(),
  domain_id: Type.String(),
  enabled: Type.Boolean(),
  default_project_id: Type.Optional(Type.String()),
  password_expires_at: Nullable(Type.String()),
  options: OptionsText,
  federated: Type.Optional(Federated),
  links: SelfLink,
});
