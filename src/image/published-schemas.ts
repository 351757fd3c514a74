import { published as metadefs } from './metadef/metadef.schema.ts';
import { containerFormats, diskFormats, statuses, visibilities } from './image.model.ts';

/**
 * The documents under `/v2/schemas`: older clients read them before they create or change an image, and take from
 * them which attributes are their own. Same attributes, types and limits as the schemas that validate requests.
 */
const text = (description: string, limits: object = {}): object => ({
  type: 'string',
  description,
  ...limits,
});
const textOrNull = (description: string, limits: object = {}): object => ({
  type: ['null', 'string'],
  description,
  ...limits,
});
const readOnly = { readOnly: true };
const uuid = {
  pattern:
    '^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}$',
};

const image = {
  name: 'image',
  properties: {
    id: text('Identifies the image', uuid),
    name: textOrNull('What people call the image', { maxLength: 255 }),
    status: text('Where the image is in its life', { ...readOnly, enum: statuses }),
    visibility: text('Who may see and use the image', { enum: visibilities }),
    protected: { type: 'boolean', description: 'True: the image cannot be deleted' },
    os_hidden: { type: 'boolean', description: 'True: lists leave the image out unless asked' },
    checksum: textOrNull('MD5 of the bytes', { ...readOnly, maxLength: 32 }),
    os_hash_algo: textOrNull('How os_hash_value was computed', { ...readOnly, maxLength: 64 }),
    os_hash_value: textOrNull('Hash of the bytes, in hexadecimal', { ...readOnly, maxLength: 128 }),
    owner: textOrNull('Project that the image belongs to', { maxLength: 255 }),
    size: { type: ['null', 'integer'], description: 'Number of bytes', ...readOnly },
    virtual_size: {
      type: ['null', 'integer'],
      description: 'Size in bytes of the disk that a guest sees',
      ...readOnly,
    },
    container_format: textOrNull('What the disk is wrapped in', {
      enum: [null, ...containerFormats],
    }),
    disk_format: textOrNull('Format of the disk', { enum: [null, ...diskFormats] }),
    created_at: text('When the image was registered', readOnly),
    updated_at: text('When the image was last changed', readOnly),
    tags: {
      type: 'array',
      description: 'Words by which the image can be found',
      items: { type: 'string', maxLength: 255 },
    },
    min_ram: { type: 'integer', description: 'Least memory of a server, in MiB' },
    min_disk: { type: 'integer', description: 'Least disk of a server, in GiB' },
    self: text('Path of this image', readOnly),
    file: text('Path of its bytes', readOnly),
    stores: text('Stores that hold its bytes, separated by commas', readOnly),
    locations: {
      type: 'array',
      description: 'Where its bytes lie, where the operator shows it',
      items: {
        type: 'object',
        required: ['url', 'metadata'],
        properties: {
          url: { type: 'string', maxLength: 255 },
          metadata: { type: 'object' },
          validation_data: { type: 'object', writeOnly: true },
        },
      },
    },
    schema: text('Path of this schema', readOnly),
  },
  additionalProperties: { type: 'string' },
  links: [
    { rel: 'self', href: '{self}' },
    { rel: 'enclosure', href: '{file}' },
    { rel: 'describedby', href: '{schema}' },
  ],
};

const member = {
  name: 'member',
  properties: {
    member_id: text('Project that the image is shared with'),
    image_id: text('The image shared', uuid),
    created_at: text('When the image was shared'),
    updated_at: text('When the member last changed its mind'),
    status: text('What the member has decided', { enum: ['pending', 'accepted', 'rejected'] }),
    schema: text('Path of this schema', readOnly),
  },
};

const taskStub = {
  id: text('Identifies the task', uuid),
  type: text('What the task does', { enum: ['import', 'api_image_import', 'location_import'] }),
  status: text('Where the task is in its life', {
    enum: ['pending', 'processing', 'success', 'failure'],
  }),
  owner: text('Project that the task belongs to'),
  created_at: text('When the task was asked for', { format: 'date-time' }),
  updated_at: text('When the task last changed', { format: 'date-time' }),
  expires_at: text('When the task is forgotten', { format: 'date-time' }),
  self: text('Path of the task', readOnly),
  schema: text('Path of this schema', readOnly),
};
const task = {
  name: 'task',
  properties: {
    ...taskStub,
    input: { type: ['null', 'object'], description: 'What the task was given' },
    result: { type: ['null', 'object'], description: 'What came of it' },
    message: text('What people should know of it'),
    image_id: text('The image that the task works on', uuid),
    user_id: text('Who asked for the task'),
    request_id: text('The request that asked for it'),
  },
};

export const publishedSchemas: Readonly<Record<string, object>> = {
  image,
  images: {
    name: 'images',
    properties: {
      images: { type: 'array', items: image },
      first: { type: 'string' },
      next: { type: 'string' },
      schema: { type: 'string' },
    },
    links: [
      { rel: 'first', href: '{first}' },
      { rel: 'next', href: '{next}' },
      { rel: 'describedby', href: '{schema}' },
    ],
  },
  member,
  members: {
    name: 'members',
    properties: {
      members: { type: 'array', items: member },
      schema: { type: 'string' },
    },
    links: [{ rel: 'describedby', href: '{schema}' }],
  },
  task,
  tasks: {
    name: 'tasks',
    properties: {
      tasks: { type: 'array', items: { name: 'task', properties: taskStub } },
      first: { type: 'string' },
      next: { type: 'string' },
      schema: { type: 'string' },
    },
    links: [
      { rel: 'first', href: '{first}' },
      { rel: 'next', href: '{next}' },
      { rel: 'describedby', href: '{schema}' },
    ],
  },
  ...metadefSchemas(),
};

/** One schema of each kind, and one of its list. */
function metadefSchemas(): Record<string, object> {
  const plurals = {
    namespace: ['namespace', 'namespaces', 'namespaces'],
    object: ['object', 'objects', 'objects'],
    property: ['property', 'properties', 'properties'],
    tag: ['tag', 'tags', 'tags'],
    resource_type_association: ['resource_type', 'resource_types', 'resource_type_associations'],
  } as const;
  const schemas: Record<string, object> = {};
  for (const [kind, [path, pluralPath, plural]] of Object.entries(plurals)) {
    const one = { name: kind, ...metadefs[kind as keyof typeof plurals] };
    schemas[`metadefs/${path}`] = one;
    const all = plural === 'properties' ? { type: 'object', additionalProperties: one } : null;
    schemas[`metadefs/${pluralPath}`] = {
      name: plural,
      properties: {
        [plural]: all ?? { type: 'array', items: one },
        first: { type: 'string' },
        next: { type: 'string' },
        schema: { type: 'string' },
      },
      links: [
        { rel: 'first', href: '{first}' },
        { rel: 'next', href: '{next}' },
        { rel: 'describedby', href: '{schema}' },
      ],
    };
  }
  return schemas;
}
