import type { Static } from 'typebox';
import { Type } from '../kernel/type.ts';
import { IdText, Nullable, SelfLink } from './schema.ts';

const closed = { additionalProperties: false } as const;
const Amount = Type.Integer({ minimum: -1, maximum: 0x7fff_ffff });
const ResourceName = Type.String({ minLength: 1, maxLength: 255 });
const Description = Type.Optional(Nullable(Type.String()));

const RegisteredWanted = Type.Object(
  {
    service_id: IdText,
    region_id: Type.Optional(Nullable(Type.String())),
    resource_name: ResourceName,
    default_limit: Amount,
    description: Description,
  },
  closed,
);
export type RegisteredLimitWanted = Static<typeof RegisteredWanted>;

export const RegisteredLimitCreateBody = Type.Object({
  registered_limits: Type.Array(RegisteredWanted, { minItems: 1 }),
});

const RegisteredChange = Type.Partial(RegisteredWanted, closed);
export type RegisteredLimitChange = Static<typeof RegisteredChange>;
export const RegisteredLimitUpdateBody = Type.Object({ registered_limit: RegisteredChange });

export const RegisteredLimitReply = Type.Object({
  id: Type.String(),
  service_id: Type.String(),
  region_id: Nullable(Type.String()),
  resource_name: Type.String(),
  default_limit: Type.Integer(),
  description: Nullable(Type.String()),
  links: SelfLink,
});

const what = {
  service_id: IdText,
  region_id: Type.Optional(Type.String()),
  resource_name: ResourceName,
  resource_limit: Amount,
  description: Description,
};
const LimitWantedBody = Type.Union([
  Type.Object({ ...what, project_id: IdText }, closed),
  Type.Object({ ...what, domain_id: IdText }, closed),
]);
export type LimitWanted = Static<typeof LimitWantedBody>;
export const LimitCreateBody = Type.Object({
  limits: Type.Array(LimitWantedBody, { minItems: 1 }),
});

export const LimitUpdateBody = Type.Object({
  limit: Type.Object({ resource_limit: Type.Optional(Amount), description: Description }, closed),
});
export type LimitChange = Static<typeof LimitUpdateBody>['limit'];

export const LimitReply = Type.Object({
  id: Type.String(),
  service_id: Type.String(),
  region_id: Nullable(Type.String()),
  resource_name: Type.String(),
  resource_limit: Type.Integer(),
  description: Nullable(Type.String()),
  project_id: Nullable(Type.String()),
  domain_id: Nullable(Type.String()),
  links: SelfLink,
});
