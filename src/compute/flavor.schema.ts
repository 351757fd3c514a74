import type { TSchema } from 'typebox';
import { Type } from '../kernel/type.ts';

const largest = 2 ** 31 - 1;

/** Nova takes numbers as text, too. */
export const Count = (minimum: number, maximum = largest) =>
  Type.Union([
    Type.Integer({ minimum, maximum }),
    Type.String({ pattern: '^[0-9]+$', maxLength: 10 }),
  ]);

/** No leading or trailing space, printable. */
export const Name = Type.String({
  minLength: 1,
  maxLength: 255,
  pattern: '^(?! )[^\\p{C}]*(?<! )$',
});

/** oslo's strict booleans. */
export const Bool = Type.Union([
  Type.Boolean(),
  ...['True', 'TRUE', 'true', '1', 'ON', 'On', 'on', 'YES', 'Yes', 'yes'].map((word) =>
    Type.Literal(word),
  ),
  ...['False', 'FALSE', 'false', '0', 'OFF', 'Off', 'off', 'NO', 'No', 'no'].map((word) =>
    Type.Literal(word),
  ),
]);

const base = {
  name: Name,
  id: Type.Optional(
    Type.Union([
      Type.String({ minLength: 1, maxLength: 255, pattern: '^(?! )[a-zA-Z0-9. _-]*(?<! )$' }),
      Type.Integer(),
      Type.Null(),
    ]),
  ),
  ram: Count(1),
  vcpus: Count(1),
  disk: Count(0),
  swap: Type.Optional(Count(0)),
  'OS-FLV-EXT-DATA:ephemeral': Type.Optional(Count(0)),
  rxtx_factor: Type.Optional(
    Type.Union([
      Type.Number({ exclusiveMinimum: 0, maximum: 3.40282e38 }),
      Type.String({ pattern: '^[0-9]+(\\.[0-9]+)?$' }),
    ]),
  ),
  'os-flavor-access:is_public': Type.Optional(Bool),
};
export const Description = Type.Union([
  Type.String({
    maxLength: 65_535,
    pattern: '^[^\\p{Cn}\\p{Cs}\\p{Co}\\p{Cf}\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f]*$',
  }),
  Type.Null(),
]);

const strict = { additionalProperties: false };
const Create21 = Type.Object(base, strict);
const Create255 = Type.Object({ ...base, description: Type.Optional(Description) }, strict);
export const FlavorCreate21 = Type.Object({ flavor: Create21 }, strict);
export const FlavorCreate255 = Type.Object({ flavor: Create255 }, strict);
export const FlavorUpdate = Type.Object(
  { flavor: Type.Object({ description: Description }, strict) },
  strict,
);

const specKey = '^[a-zA-Z0-9_.: -]{1,255}$';
const SpecValue = Type.Union([Type.String({ maxLength: 255 }), Type.Number()]);
export const SpecsCreate = Type.Object(
  { extra_specs: Type.Record(Type.String({ pattern: specKey }), SpecValue, strict) },
  strict,
);
export const SpecUpdate = Type.Record(Type.String({ pattern: specKey }), SpecValue, {
  minProperties: 1,
  maxProperties: 1,
  ...strict,
});

const Tenant = Type.Object({ tenant: Type.String({ minLength: 1, maxLength: 255 }) }, strict);
export const AccessAdd = Type.Object({ addTenantAccess: Tenant }, strict);
export const AccessRemove = Type.Object({ removeTenantAccess: Tenant }, strict);

const Links = Type.Array(Type.Object({ rel: Type.String(), href: Type.String() }, strict));
export const FlavorBrief = Type.Object(
  {
    id: Type.String(),
    name: Type.String(),
    description: Type.Optional(Type.Union([Type.String(), Type.Null()])),
    links: Links,
  },
  strict,
);
export const FlavorReply = Type.Object(
  {
    id: Type.String(),
    name: Type.String(),
    ram: Type.Integer(),
    vcpus: Type.Integer(),
    disk: Type.Integer(),
    swap: Type.Union([Type.Literal(''), Type.Integer()]),
    'OS-FLV-EXT-DATA:ephemeral': Type.Integer(),
    'OS-FLV-DISABLED:disabled': Type.Boolean(),
    'os-flavor-access:is_public': Type.Boolean(),
    rxtx_factor: Type.Number(),
    description: Type.Optional(Type.Union([Type.String(), Type.Null()])),
    extra_specs: Type.Optional(Type.Record(Type.String(), Type.String())),
    links: Links,
  },
  strict,
);
export const listOf = (name: string, item: TSchema) =>
  Type.Object({ [name]: Type.Array(item), [`${name}_links`]: Type.Optional(Links) }, strict);
export const AccessReply = Type.Object({
  flavor_access: Type.Array(
    Type.Object({ flavor_id: Type.String(), tenant_id: Type.String() }, strict),
  ),
});
