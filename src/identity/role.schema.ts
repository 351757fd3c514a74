import type { Static } from 'typebox';
import { Type } from '../kernel/type.ts';
import { IdText, NameText, Nullable, Open, OpenPartial, OptionsText, SelfLink } from './schema.ts';

const attributes = {
  description: Type.Optional(Nullable(Type.String())),
  domain_id: Type.Optional(Nullable(IdText)),
  options: Type.Optional(Type.Object({ immutable: Type.Optional(Nullable(Type.Boolean())) })),
};

export const RoleCreateBody = Type.Object({ role: Open({ ...attributes, name: NameText }) });
export type RoleCreateWanted = Static<typeof RoleCreateBody>['role'];

export const RoleUpdateBody = Type.Object({ role: OpenPartial({ ...attributes, name: NameText }) });
export type RoleUpdateWanted = Static<typeof RoleUpdateBody>['role'];

export const RoleReply = Open({
  id: Type.String(),
  name: Type.String(),
  domain_id: Nullable(Type.String()),
  description: Nullable(Type.String()),
  options: OptionsText,
  links: SelfLink,
});

const Brief = Open({ id: Type.String(), name: Type.String(), links: SelfLink });

export const ImpliedReply = Type.Object({
  role_inference: Type.Object({ prior_role: Brief, implies: Brief }),
  links: SelfLink,
});

const InferenceReply = Type.Object({ prior_role: Brief, implies: Type.Array(Brief) });
export const ImpliedListReply = Type.Object({ role_inference: InferenceReply, links: SelfLink });
export const InferenceListReply = Type.Object({
  role_inferences: Type.Array(InferenceReply),
  links: SelfLink,
});
