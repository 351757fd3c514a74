import type { Static } from 'typebox';
import { Type } from '../kernel/type.ts';
import { IdText, Nullable, SelfLink, UrlText } from './schema.ts';

const strict = { additionalProperties: false } as const;
const changing = { additionalProperties: false, minProperties: 1 } as const;

const providerAttributes = {
  enabled: Type.Optional(Type.Boolean()),
  description: Type.Optional(Nullable(Type.String())),
  authorization_ttl: Type.Optional(Nullable(Type.Integer({ minimum: 0, maximum: 2_147_483_647 }))),
  remote_ids: Type.Optional(
    Nullable(Type.Array(Type.String({ minLength: 1, maxLength: 255 }), { uniqueItems: true })),
  ),
};

export const ProviderCreateBody = Type.Object({
  identity_provider: Type.Object(
    { ...providerAttributes, domain_id: Type.Optional(Nullable(IdText)) },
    strict,
  ),
});
export type ProviderCreateWanted = Static<typeof ProviderCreateBody>['identity_provider'];

export const ProviderUpdateBody = Type.Object({
  identity_provider: Type.Object(providerAttributes, changing),
});
export type ProviderUpdateWanted = Static<typeof ProviderUpdateBody>['identity_provider'];

export const ProviderReply = Type.Object({
  id: Type.String(),
  domain_id: Type.String(),
  enabled: Type.Boolean(),
  description: Nullable(Type.String()),
  authorization_ttl: Nullable(Type.Integer()),
  remote_ids: Type.Array(Type.String()),
  links: Type.Object({ self: Type.String(), protocols: Type.String() }),
});

const remoteIdAttribute = Type.Optional(Type.String({ maxLength: 64 }));
const MappingId = Type.String({ minLength: 1, maxLength: 64, pattern: '^[a-zA-Z0-9-_]+$' });

export const ProtocolCreateBody = Type.Object({
  protocol: Type.Object({ mapping_id: MappingId, remote_id_attribute: remoteIdAttribute }, strict),
});
export type ProtocolCreateWanted = Static<typeof ProtocolCreateBody>['protocol'];

export const ProtocolUpdateBody = Type.Object({
  protocol: Type.Object(
    { mapping_id: Type.Optional(MappingId), remote_id_attribute: remoteIdAttribute },
    changing,
  ),
});
export type ProtocolUpdateWanted = Static<typeof ProtocolUpdateBody>['protocol'];

export const ProtocolReply = Type.Object({
  id: Type.String(),
  mapping_id: Type.String(),
  remote_id_attribute: Type.Optional(Type.String()),
  links: Type.Object({ self: Type.String(), identity_provider: Type.String() }),
});

const serviceProviderAttributes = {
  description: Type.Optional(Nullable(Type.String())),
  enabled: Type.Optional(Type.Boolean()),
  relay_state_prefix: Type.Optional(Nullable(Type.String({ maxLength: 256 }))),
};

export const ServiceProviderCreateBody = Type.Object({
  service_provider: Type.Object(
    { ...serviceProviderAttributes, auth_url: UrlText, sp_url: UrlText },
    strict,
  ),
});
export type ServiceProviderCreateWanted = Static<
  typeof ServiceProviderCreateBody
>['service_provider'];

export const ServiceProviderUpdateBody = Type.Object({
  service_provider: Type.Object(
    {
      ...serviceProviderAttributes,
      auth_url: Type.Optional(UrlText),
      sp_url: Type.Optional(UrlText),
    },
    changing,
  ),
});
export type ServiceProviderUpdateWanted = Static<
  typeof ServiceProviderUpdateBody
>['service_provider'];

export const ServiceProviderReply = Type.Object({
  id: Type.String(),
  auth_url: Type.String(),
  sp_url: Type.String(),
  description: Nullable(Type.String()),
  enabled: Type.Boolean(),
  relay_state_prefix: Type.String(),
  links: SelfLink,
});
