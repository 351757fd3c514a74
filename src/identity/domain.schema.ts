import type { Static } from 'typebox';
import { Type } from '../kernel/type.ts';
import { TagList } from './project.schema.ts';
import { Nullable, Open, OpenPartial, OptionsText, ProjectNameText, SelfLink } from './schema.ts';

const attributes = {
  description: Type.Optional(Nullable(Type.String())),
  enabled: Type.Optional(Type.Boolean()),
  tags: Type.Optional(TagList),
  options: Type.Optional(Type.Object({ immutable: Type.Optional(Nullable(Type.Boolean())) })),
};

export const DomainCreateBody = Type.Object({
  domain: Open({
    ...attributes,
    name: ProjectNameText,
    explicit_domain_id: Type.Optional(Type.String({ pattern: '^[0-9a-f]{32}$' })),
  }),
});
export type DomainCreateWanted = Static<typeof DomainCreateBody>['domain'];

export const DomainUpdateBody = Type.Object({
  domain: OpenPartial({ ...attributes, name: ProjectNameText }),
});
export type DomainUpdateWanted = Static<typeof DomainUpdateBody>['domain'];

export const DomainReply = Open({
  id: Type.String(),
  name: Type.String(),
  description: Type.String(),
  enabled: Type.Boolean(),
  tags: Type.Array(Type.String()),
  options: OptionsText,
  links: SelfLink,
});
