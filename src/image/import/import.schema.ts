import type { Static } from 'typebox';
import { Type } from '../../kernel/type.ts';

export const importMethods = [
  'glance-direct',
  'web-download',
  'glance-download',
  'copy-image',
] as const;
export type ImportMethod = (typeof importMethods)[number];

/** Glance says in words what is wrong with the rest; only the shape is held against a schema. */
export const ImportBody = Type.Object({
  method: Type.Optional(
    Type.Object({
      name: Type.Optional(Type.Unknown()),
      uri: Type.Optional(Type.Unknown()),
      glance_image_id: Type.Optional(Type.Unknown()),
      glance_region: Type.Optional(Type.Unknown()),
      glance_service_interface: Type.Optional(Type.Unknown()),
    }),
  ),
  stores: Type.Optional(Type.Array(Type.String())),
  all_stores: Type.Optional(Type.Unknown()),
  all_stores_must_succeed: Type.Optional(Type.Unknown()),
});
export type ImportWanted = Static<typeof ImportBody>;

const text = Type.Union([Type.Null(), Type.String()]);
const taskFields = {
  id: Type.String(),
  type: Type.String(),
  status: Type.String(),
  owner: text,
  expires_at: Type.Optional(Type.String()),
  created_at: Type.String(),
  updated_at: Type.String(),
  self: Type.String(),
  schema: Type.String(),
};
const detailFields = {
  input: Type.Unknown(),
  result: Type.Unknown(),
  message: Type.String(),
  image_id: text,
  user_id: Type.String(),
  request_id: Type.String(),
};
export const TaskReply = Type.Object({ ...taskFields, ...detailFields });
export const ImageTasksReply = Type.Object({
  tasks: Type.Array(
    Type.Object({ ...taskFields, ...detailFields, self: Type.Optional(Type.String()) }),
  ),
});
export const TaskListReply = Type.Object({
  tasks: Type.Array(Type.Object(taskFields)),
  first: Type.String(),
  next: Type.Optional(Type.String()),
  schema: Type.String(),
});
export const TaskCreateBody = Type.Object({ type: Type.String(), input: Type.Unknown() });

export const LocationBody = Type.Object(
  {
    url: Type.String(),
    validation_data: Type.Optional(
      Type.Object(
        {
          os_hash_algo: Type.Optional(
            Type.Union(['sha1', 'sha256', 'sha512', 'md5'].map((one) => Type.Literal(one))),
          ),
          os_hash_value: Type.Optional(Type.String({ maxLength: 128 })),
        },
        { additionalProperties: false },
      ),
    ),
  },
  { additionalProperties: false },
);
export const LocationsReply = Type.Array(
  Type.Object({ url: Type.String(), metadata: Type.Object({ store: Type.String() }) }),
);
