import type { Static } from 'typebox';
import { Type } from '../kernel/type.ts';
import { IdText, NameText, Nullable, Open, SelfLink } from './schema.ts';

export const RoleNamed = Type.Union([
  Type.Object({ id: IdText }, { additionalProperties: false }),
  Type.Object({ name: NameText }, { additionalProperties: false }),
]);

const AccessRuleBody = Type.Object(
  {
    path: Type.Optional(Type.String({ maxLength: 225, pattern: '^/.*' })),
    method: Type.Optional(Type.String({ pattern: '^(POST|GET|HEAD|PATCH|PUT|DELETE)$' })),
    service: Type.Optional(IdText),
    id: Type.Optional(IdText),
  },
  { additionalProperties: false },
);

export const ApplicationCredentialBody = Type.Object({
  application_credential: Open({
    name: NameText,
    description: Type.Optional(Nullable(Type.String())),
    secret: Type.Optional(Nullable(Type.String({ maxLength: 4096 }))),
    expires_at: Type.Optional(Nullable(Type.String())),
    roles: Type.Optional(Type.Array(RoleNamed)),
    unrestricted: Type.Optional(Type.Boolean()),
    access_rules: Type.Optional(Type.Array(AccessRuleBody)),
  }),
});
export type ApplicationCredentialWanted = Static<
  typeof ApplicationCredentialBody
>['application_credential'];

const RuleFacts = {
  id: Type.String(),
  service: Type.String(),
  method: Type.String(),
  path: Type.String(),
};

export const ApplicationCredentialReply = Open({
  id: Type.String(),
  name: Type.String(),
  description: Nullable(Type.String()),
  project_id: Type.String(),
  expires_at: Nullable(Type.String()),
  unrestricted: Type.Boolean(),
  roles: Type.Array(
    Open({ id: Type.String(), name: Type.String(), domain_id: Nullable(Type.String()) }),
  ),
  secret: Type.Optional(Type.String()),
  access_rules: Type.Optional(Type.Array(Type.Object(RuleFacts))),
  links: SelfLink,
});

export const AccessRuleReply = Type.Object({ ...RuleFacts, links: SelfLink });
