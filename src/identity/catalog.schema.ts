import type { Static } from 'typebox';
import { Type } from '../kernel/type.ts';
import { NameText, Nullable, Open, OpenPartial, SelfLink, UrlText } from './schema.ts';

const region = {
  description: Type.Optional(Nullable(Type.String())),
  id: Type.Optional(Type.String({ maxLength: 255 })),
  parent_region_id: Type.Optional(Nullable(Type.String())),
};
export const RegionCreateBody = Type.Object({ region: Open(region) });
export const RegionUpdateBody = Type.Object({ region: OpenPartial(region) });
export type RegionWanted = Static<typeof RegionCreateBody>['region'];

export const RegionReply = Open({
  id: Type.String(),
  description: Type.String(),
  parent_region_id: Nullable(Type.String()),
  links: SelfLink,
});

const service = {
  enabled: Type.Optional(Type.Boolean()),
  name: Type.Optional(NameText),
  description: Type.Optional(Nullable(Type.String())),
};
const ServiceType = Type.String({ minLength: 1, maxLength: 255 });
export const ServiceCreateBody = Type.Object({ service: Open({ ...service, type: ServiceType }) });
export const ServiceUpdateBody = Type.Object({
  service: OpenPartial({ ...service, type: ServiceType }),
});
export type ServiceCreateWanted = Static<typeof ServiceCreateBody>['service'];
export type ServiceUpdateWanted = Static<typeof ServiceUpdateBody>['service'];

export const ServiceReply = Open({
  id: Type.String(),
  type: Type.String(),
  name: Type.String(),
  enabled: Type.Boolean(),
  links: SelfLink,
});

const endpoint = {
  enabled: Type.Optional(Type.Boolean()),
  region_id: Type.Optional(Nullable(Type.String())),
  region: Type.Optional(Nullable(Type.String())),
};
const required = {
  interface: Type.Union([Type.Literal('admin'), Type.Literal('internal'), Type.Literal('public')]),
  service_id: Type.String(),
  url: UrlText,
};
export const EndpointCreateBody = Type.Object({ endpoint: Open({ ...endpoint, ...required }) });
export const EndpointUpdateBody = Type.Object({
  endpoint: OpenPartial({ ...endpoint, ...required }),
});
export type EndpointCreateWanted = Static<typeof EndpointCreateBody>['endpoint'];
export type EndpointUpdateWanted = Static<typeof EndpointUpdateBody>['endpoint'];

export const EndpointReply = Open({
  id: Type.String(),
  interface: Type.String(),
  region: Nullable(Type.String()),
  region_id: Nullable(Type.String()),
  service_id: Type.String(),
  url: Type.String(),
  enabled: Type.Boolean(),
  links: SelfLink,
});
