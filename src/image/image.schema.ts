import type { Static } from 'typebox';
import { Check } from 'typebox/schema';
import { invalid } from '../kernel/errors.ts';
import { Type } from '../kernel/type.ts';
import { containerFormats, diskFormats, statuses, visibilities } from './image.model.ts';

const nullable = (values: readonly string[]) =>
  Type.Union([Type.Null(), ...values.map((value) => Type.Literal(value))]);

/** Glance keeps 32-bit integers. */
const count = Type.Integer({ minimum: 0, maximum: 2_147_483_647 });

/** A value that only the service sets may stand in a request; the answer to it is 403, not 400. */
const refusedLater = Type.Optional(Type.Unknown());

const editable = {
  id: Type.String({
    pattern: '^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$',
  }),
  name: Type.Union([Type.Null(), Type.String({ maxLength: 255 })]),
  visibility: Type.Union(visibilities.map((value) => Type.Literal(value))),
  protected: Type.Boolean(),
  os_hidden: Type.Boolean(),
  owner: Type.Union([Type.Null(), Type.String({ maxLength: 255 })]),
  container_format: nullable(containerFormats),
  disk_format: nullable(diskFormats),
  min_disk: count,
  min_ram: count,
  tags: Type.Array(Type.String({ maxLength: 255 })),
};

export const ImageCreateBody = Type.Object(
  {
    ...Object.fromEntries(
      Object.entries(editable).map(([key, type]) => [key, Type.Optional(type)]),
    ),
    status: refusedLater,
    checksum: refusedLater,
    os_hash_algo: refusedLater,
    os_hash_value: refusedLater,
    size: refusedLater,
    virtual_size: refusedLater,
    created_at: refusedLater,
    updated_at: refusedLater,
    deleted: refusedLater,
    locations: refusedLater,
  },
  { additionalProperties: Type.String() },
);

const text = Type.Union([Type.Null(), Type.String()]);
const integer = Type.Union([Type.Null(), Type.Integer()]);

export const ImageReply = Type.Object(
  {
    id: Type.String(),
    name: text,
    status: Type.Union(statuses.map((value) => Type.Literal(value))),
    visibility: editable.visibility,
    protected: Type.Boolean(),
    os_hidden: Type.Boolean(),
    owner: text,
    disk_format: text,
    container_format: text,
    min_disk: Type.Integer(),
    min_ram: Type.Integer(),
    size: integer,
    virtual_size: integer,
    checksum: text,
    os_hash_algo: text,
    os_hash_value: text,
    tags: Type.Array(Type.String()),
    stores: Type.Optional(Type.String()),
    locations: Type.Optional(Type.Array(Type.Unknown())),
    created_at: Type.String(),
    updated_at: Type.String(),
    self: Type.String(),
    file: Type.String(),
    schema: Type.String(),
  },
  { additionalProperties: Type.String() },
);

export const ImageListReply = Type.Object({
  images: Type.Array(ImageReply),
  first: Type.String(),
  next: Type.Optional(Type.String()),
  schema: Type.String(),
});

const memberFields = {
  member_id: Type.String(),
  image_id: Type.String(),
  status: Type.Union([Type.Literal('pending'), Type.Literal('accepted'), Type.Literal('rejected')]),
  created_at: Type.String(),
  updated_at: Type.String(),
  schema: Type.String(),
};
export const MemberReply = Type.Object(memberFields, { additionalProperties: false });
export const MemberListReply = Type.Object({
  members: Type.Array(MemberReply),
  schema: Type.String(),
});
export const MemberCreateBody = Type.Object({
  member: Type.String({ minLength: 1, maxLength: 255 }),
});
export const MemberUpdateBody = Type.Object({ status: memberFields.status });
export type MemberStatus = Static<typeof memberFields.status>;

export type EditableName = keyof typeof editable;
export const isEditableName = (name: string): name is EditableName => Object.hasOwn(editable, name);

/** One attribute of a change, held against the schema that also validates new images. */
export function attributeCheck(name: EditableName, value: unknown): void {
  if (!Check(editable[name], value)) {
    throw invalid(
      `Provided object does not match schema 'image': ${JSON.stringify(value)} is not valid for ${name}`,
    );
  }
}
