import type { Static } from 'typebox';
import { Type } from '../kernel/type.ts';
import { SelfLink } from './schema.ts';

const strict = { additionalProperties: false } as const;

const DomainNamed = Type.Object(
  { id: Type.Optional(Type.String()), name: Type.Optional(Type.String()) },
  strict,
);

const MappedUser = Type.Object(
  {
    id: Type.Optional(Type.String()),
    name: Type.Optional(Type.String()),
    email: Type.Optional(Type.String()),
    domain: Type.Optional(DomainNamed),
    type: Type.Optional(Type.Union([Type.Literal('ephemeral'), Type.Literal('local')])),
  },
  strict,
);

const MappedProject = Type.Object(
  {
    name: Type.String(),
    // Keystone lets other keys stand beside the name of a role.
    roles: Type.Array(Type.Object({ name: Type.String() }, { additionalProperties: true })),
  },
  strict,
);

const MappedGroup = Type.Union([
  Type.Object({ id: Type.String() }, strict),
  Type.Object({ name: Type.String(), domain: DomainNamed }, strict),
]);

const Local = Type.Object(
  {
    user: Type.Optional(MappedUser),
    projects: Type.Optional(Type.Array(MappedProject)),
    group: Type.Optional(MappedGroup),
    groups: Type.Optional(Type.String()),
    group_ids: Type.Optional(Type.String()),
    domain: Type.Optional(DomainNamed),
  },
  strict,
);
export type MappingLocal = Static<typeof Local>;

const type = Type.String();
const values = Type.Array(Type.Unknown());
const regex = Type.Optional(Type.Boolean());

const Remote = Type.Union([
  Type.Object({ type }, strict),
  Type.Object({ type, any_one_of: values, regex }, strict),
  Type.Object({ type, not_any_of: values, regex }, strict),
  Type.Object({ type, blacklist: values, regex }, strict),
  Type.Object({ type, whitelist: values, regex }, strict),
]);
export type MappingRemote = Static<typeof Remote>;

const Rule = Type.Object(
  { local: Type.Array(Local), remote: Type.Array(Remote, { minItems: 1 }) },
  strict,
);
export type MappingRule = Static<typeof Rule>;

export const MappingBody = Type.Object({
  mapping: Type.Object(
    {
      rules: Type.Array(Rule, { minItems: 1 }),
      // Later releases have a second one, which this is not.
      schema_version: Type.Optional(Type.Literal('1.0')),
    },
    { additionalProperties: true },
  ),
});
export type MappingWanted = Static<typeof MappingBody>['mapping'];

export const MappingReply = Type.Object({
  id: Type.String(),
  rules: Type.Array(Rule),
  links: SelfLink,
});
