import type { Static } from 'typebox';
import { Type } from '../kernel/type.ts';
import {
  IdText,
  Nullable,
  Open,
  OpenPartial,
  OptionsText,
  ProjectNameText,
  SelfLink,
} from './schema.ts';

export const TagText = Type.String({ minLength: 1, maxLength: 255, pattern: '^[^,/]*$' });
export const tagsMax = 80;
export const TagList = Type.Array(TagText, { maxItems: tagsMax, uniqueItems: true });

const Options = Type.Object({ immutable: Type.Optional(Nullable(Type.Boolean())) });

const attributes = {
  description: Type.Optional(Nullable(Type.String())),
  enabled: Type.Optional(Type.Boolean()),
  tags: Type.Optional(TagList),
  options: Type.Optional(Options),
  domain_id: Type.Optional(Nullable(IdText)),
  parent_id: Type.Optional(Nullable(IdText)),
  is_domain: Type.Optional(Type.Boolean()),
};

export const ProjectCreateBody = Type.Object({
  project: Open({ ...attributes, name: ProjectNameText }),
});
export type ProjectCreateWanted = Static<typeof ProjectCreateBody>['project'];

export const ProjectUpdateBody = Type.Object({
  project: OpenPartial({ ...attributes, name: ProjectNameText }),
});
export type ProjectUpdateWanted = Static<typeof ProjectUpdateBody>['project'];

export const ProjectReply = Open({
  id: Type.String(),
  name: Type.String(),
  domain_id: Nullable(Type.String()),
  parent_id: Nullable(Type.String()),
  is_domain: Type.Boolean(),
  description: Type.String(),
  enabled: Type.Boolean(),
  tags: Type.Array(Type.String()),
  options: OptionsText,
  links: SelfLink,
});
