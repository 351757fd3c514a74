import type { Static } from 'typebox';
import { Type } from '../kernel/type.ts';
import { NameText, Nullable, Open, OpenPartial, SelfLink } from './schema.ts';

const Filters = Type.Object(
  {
    service_id: Type.Optional(Type.String()),
    region_id: Type.Optional(Type.String()),
    interface: Type.Optional(Type.String()),
  },
  { additionalProperties: false },
);
const attributes = {
  name: NameText,
  description: Type.Optional(Nullable(Type.String())),
  filters: Filters,
};

export const EndpointGroupCreateBody = Type.Object({ endpoint_group: Open(attributes) });
export type EndpointGroupWanted = Static<typeof EndpointGroupCreateBody>['endpoint_group'];

export const EndpointGroupUpdateBody = Type.Object({ endpoint_group: OpenPartial(attributes) });
export type EndpointGroupUpdateWanted = Static<typeof EndpointGroupUpdateBody>['endpoint_group'];

export const EndpointGroupReply = Open({
  id: Type.String(),
  name: Type.String(),
  description: Type.String(),
  filters: Filters,
  links: SelfLink,
});
