import { isoSeconds } from '../../kernel/clock.ts';
import type { ImageTask } from './image-task.store.ts';

export const taskStubView = (task: ImageTask): Record<string, unknown> => ({
  id: task.id,
  type: task.type,
  status: task.status,
  owner: task.owner,
  created_at: isoSeconds(task.created_at),
  updated_at: isoSeconds(task.updated_at),
  ...(task.expires_at !== null && { expires_at: isoSeconds(task.expires_at) }),
  self: `/v2/tasks/${task.id}`,
  schema: '/v2/schemas/task',
});

export const taskView = (task: ImageTask): Record<string, unknown> => ({
  ...taskStubView(task),
  input: JSON.parse(task.input) as unknown,
  result: task.result === null ? null : (JSON.parse(task.result) as unknown),
  message: task.message,
  image_id: task.image_id,
  user_id: task.user_id,
  request_id: task.request_id,
});
