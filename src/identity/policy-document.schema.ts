import type { Static } from 'typebox';
import { Type } from '../kernel/type.ts';
import type { Extra } from './project.model.ts';
import { Open, OpenPartial, SelfLink } from './schema.ts';

export interface PolicyDocument {
  readonly id: string;
  readonly type: string;
  readonly blob: string;
  readonly extra: Extra;
}

const attributes = { blob: Type.String(), type: Type.String({ maxLength: 255 }) };

export const PolicyCreateBody = Type.Object({ policy: Open(attributes) });
export type PolicyWanted = Static<typeof PolicyCreateBody>['policy'];

export const PolicyUpdateBody = Type.Object({ policy: OpenPartial(attributes) });
export type PolicyUpdateWanted = Static<typeof PolicyUpdateBody>['policy'];

export const PolicyReply = Open({
  id: Type.String(),
  blob: Type.String(),
  type: Type.String(),
  links: SelfLink,
});
