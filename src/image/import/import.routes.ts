import { Failure, invalid, notFound } from '../../kernel/errors.ts';
import { endpointsOf, type Endpoint } from '../../kernel/http/endpoint.ts';
import { isUuid } from '../../kernel/ids.ts';
import { Type } from '../../kernel/type.ts';
import { imageSee, projectOf } from '../image-access.ts';
import { headerText } from '../image-file.routes.ts';
import type { ImageContext, ImageWorld } from '../image.world.ts';
import {
  imageTaskList,
  imageTaskOfImage,
  imageTaskSelect,
  type TaskQuery,
} from './image-task.store.ts';
import { taskStubView, taskView } from './image-task.view.ts';
import { importRequest } from './import-request.ts';
import {
  ImageTasksReply,
  ImportBody,
  LocationBody,
  LocationsReply,
  TaskCreateBody,
  TaskListReply,
  TaskReply,
} from './import.schema.ts';
import { locationAdd, locationList } from './location.ts';
import { legacyImport } from './legacy-import.ts';

const endpoint = endpointsOf<ImageWorld>();

export const importRoutes: readonly Endpoint<ImageWorld>[] = [
  endpoint(
    {
      id: 'images.import',
      method: 'POST',
      path: '/v2/images/:imageId/import',
      rule: 'modify_image',
      body: ImportBody,
      reply: { 202: null },
      auditType: 'image/image',
    },
    async (context, { params: { imageId = '' }, headers, body }) => {
      // oxlint-disable-next-line typescript/no-unnecessary-condition -- an empty body is not held against the schema
      if (body === undefined) throw invalid('Body expected in request.');
      await importRequest(context, imageId, {
        body,
        storeHeader: headerText(headers, 'x-image-meta-store'),
        token: headerText(headers, 'x-auth-token') ?? '',
        requestId: context.requestId,
        type: 'api_image_import',
      });
      return { status: 202 };
    },
  ),
  endpoint(
    {
      id: 'images.tasks',
      method: 'GET',
      path: '/v2/images/:imageId/tasks',
      rule: 'get_image',
      reply: { 200: ImageTasksReply },
    },
    async (context, { params: { imageId = '' } }) => {
      const tasks = await context.world.db.read(async (tx) => {
        await imageSee(context, tx, imageId);
        return imageTaskOfImage(tx, imageId);
      });
      return { status: 200, body: { tasks: tasks.map(taskView) } };
    },
  ),
  endpoint(
    {
      id: 'images.locations.add',
      method: 'POST',
      path: '/v2/images/:imageId/locations',
      rule: 'add_image_location',
      body: LocationBody,
      reply: { 202: null },
      auditType: 'image/image',
    },
    async (context, { params: { imageId = '' }, body }) => {
      // oxlint-disable-next-line typescript/no-unnecessary-condition -- an empty body is not held against the schema
      if (body === undefined) throw invalid('Body expected in request.');
      await locationAdd(context, imageId, body, context.requestId);
      return { status: 202 };
    },
  ),
  endpoint(
    {
      id: 'images.locations.list',
      method: 'GET',
      path: '/v2/images/:imageId/locations',
      rule: 'fetch_image_location',
      reply: { 200: LocationsReply },
    },
    async (context, { params: { imageId = '' } }) => ({
      status: 200,
      body: await locationList(context, imageId),
    }),
  ),
  endpoint(
    {
      id: 'tasks.create',
      method: 'POST',
      path: '/v2/tasks',
      rule: 'tasks_api_access',
      body: TaskCreateBody,
      reply: { 201: TaskReply },
      auditType: 'image/task',
    },
    async (context, { headers, body }) => {
      tasksAuthorize(context);
      // oxlint-disable-next-line typescript/no-unnecessary-condition -- an empty body is not held against the schema
      if (body === undefined) throw invalid('Body expected in request.');
      if (body.type !== 'import') throw invalid(`Invalid type value: ${body.type}`);
      const id = await legacyImport(context, body.input, {
        token: headerText(headers, 'x-auth-token') ?? '',
        requestId: context.requestId,
      });
      const task = await context.world.db.read((tx) => imageTaskSelect(tx, id));
      if (task === null) throw taskUnknown(id);
      return { status: 201, headers: { Location: `/v2/tasks/${id}` }, body: taskView(task) };
    },
  ),
  endpoint(
    {
      id: 'tasks.list',
      method: 'GET',
      path: '/v2/tasks',
      rule: 'tasks_api_access',
      reply: { 200: TaskListReply },
    },
    async (context, { query }) => {
      tasksAuthorize(context);
      const wanted = taskQueryParse(query, taskOwner(context));
      const tasks = await context.world.db.read((tx) => imageTaskList(tx, wanted));
      if (tasks === null) throw invalid(`No task found with ID ${wanted.marker}`);
      const rest = new URLSearchParams([...query].filter(([name]) => name !== 'marker'));
      const first = rest.size === 0 ? '/v2/tasks' : `/v2/tasks?${rest.toString()}`;
      const last = tasks.at(-1);
      if (last !== undefined) rest.set('marker', last.id);
      return {
        status: 200,
        body: {
          tasks: tasks.map(taskStubView),
          first,
          ...(last !== undefined &&
            tasks.length === wanted.limit && { next: `/v2/tasks?${rest.toString()}` }),
          schema: '/v2/schemas/tasks',
        },
      };
    },
  ),
  endpoint(
    {
      id: 'tasks.show',
      method: 'GET',
      path: '/v2/tasks/:taskId',
      rule: 'tasks_api_access',
      reply: { 200: TaskReply },
    },
    async (context, { params: { taskId = '' } }) => {
      tasksAuthorize(context);
      const task = await context.world.db.read((tx) => imageTaskSelect(tx, taskId));
      const owner = taskOwner(context);
      if (task === null || (owner !== null && task.owner !== owner)) throw taskUnknown(taskId);
      return { status: 200, body: taskView(task) };
    },
  ),
  endpoint(
    {
      id: 'tasks.delete',
      method: 'DELETE',
      path: '/v2/tasks/:taskId',
      rule: 'tasks_api_access',
      reply: { 405: Type.Unknown() },
      auditType: 'image/task',
    },
    (context) => {
      tasksAuthorize(context);
      throw new Failure(
        'method_not_allowed',
        'Tasks are not deleted by hand: they go at the time that expires_at names.',
        { headers: { Allow: 'GET' } },
      );
    },
  ),
];

const taskUnknown = (id: string): Failure => notFound(`No task found with ID ${id}`);

function tasksAuthorize(context: ImageContext): void {
  if (context.allows('tasks_api_access', { project_id: projectOf(context.actor) })) return;
  throw new Failure('forbidden', 'You are not authorized to complete tasks_api_access action.');
}

/** Null: sees the tasks of all projects. */
const taskOwner = (context: ImageContext): string | null =>
  context.allows('context_is_admin') ? null : (projectOf(context.actor) ?? '');

const statuses = ['pending', 'processing', 'success', 'failure'];
const sortKeys = ['created_at', 'updated_at', 'expires_at', 'status', 'type', 'id'] as const;

function taskQueryParse(query: URLSearchParams, owner: string | null): TaskQuery {
  const status = query.get('status');
  if (status !== null && !statuses.includes(status)) {
    throw invalid(`Invalid status value: ${status}`);
  }
  const type = query.get('type');
  const direction = query.get('sort_dir') ?? 'desc';
  if (direction !== 'asc' && direction !== 'desc') {
    throw invalid(`Invalid sort direction: ${direction}`);
  }
  const sortText = query.get('sort_key') ?? 'created_at';
  const sortKey = sortKeys.find((one) => one === sortText);
  if (sortKey === undefined) throw invalid(`Invalid sort key: ${sortText}`);
  const marker = query.get('marker');
  if (marker !== null && !isUuid(marker)) throw invalid('Invalid marker format');
  const limitText = query.get('limit') ?? '25';
  if (!/^[+-]?\d{1,9}$/.test(limitText)) throw invalid('limit param must be an integer');
  if (Number(limitText) < 0) throw invalid('limit param must be positive');
  const limit = Math.min(Number(limitText), 1_000);
  return { owner, type, status, direction, sortKey, marker, limit };
}
