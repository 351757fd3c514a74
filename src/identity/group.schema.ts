import type { Static } from 'typebox';
import { Type } from '../kernel/type.ts';
import { IdText, NameText, Nullable, Open, OpenPartial, SelfLink } from './schema.ts';

const attributes = {
  description: Type.Optional(Nullable(Type.String())),
  domain_id: Type.Optional(IdText),
};

export const GroupCreateBody = Type.Object({ group: Open({ ...attributes, name: NameText }) });
export type GroupCreateWanted = Static<typeof GroupCreateBody>['group'];

export const GroupUpdateBody = Type.Object({
  group: OpenPartial({ ...attributes, name: NameText }),
});
export type GroupUpdateWanted = Static<typeof GroupUpdateBody>['group'];

export const GroupReply = Open({
  id: Type.String(),
  name: Type.String(),
  domain_id: Type.String(),
  description: Type.String(),
  links: SelfLink,
});
