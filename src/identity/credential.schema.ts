import type { Static } from 'typebox';
import { Type } from '../kernel/type.ts';
import { Nullable, Open, SelfLink } from './schema.ts';

export const CredentialCreateBody = Type.Object({
  credential: Open({
    blob: Type.String({ maxLength: 65_535 }),
    type: Type.String({ minLength: 1, maxLength: 255 }),
    user_id: Type.Optional(Type.String({ maxLength: 255 })),
    project_id: Type.Optional(Nullable(Type.String({ maxLength: 64 }))),
  }),
});
export type CredentialWanted = Static<typeof CredentialCreateBody>['credential'];

/** Owner, scope and type stay: whoever may change the secret must not move it to someone else. */
export const CredentialUpdateBody = Type.Object({
  credential: Type.Object(
    { blob: Type.String({ maxLength: 65_535 }) },
    { additionalProperties: false },
  ),
});

export const CredentialReply = Open({
  id: Type.String(),
  user_id: Type.String(),
  project_id: Nullable(Type.String()),
  type: Type.String(),
  blob: Type.String(),
  links: SelfLink,
});

export const Ec2CreateBody = Type.Object({ tenant_id: Type.String() });

export const Ec2Reply = Type.Object({
  user_id: Type.String(),
  tenant_id: Nullable(Type.String()),
  access: Type.String(),
  secret: Type.String(),
  trust_id: Nullable(Type.String()),
  links: SelfLink,
});
