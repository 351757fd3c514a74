import { endpointsOf, type Endpoint } from '../kernel/http/endpoint.ts';
import { Type } from '../kernel/type.ts';
import { imageCacheAdd, imageCacheClear, imageCacheRemove, imageCacheShow } from './image-cache.ts';
import type { HostCopy, ImageWorld } from './image.world.ts';

const endpoint = endpointsOf<ImageWorld>();
const auditType = 'image/cache';

const CacheReply = Type.Object({
  cached_images: Type.Array(
    Type.Object({
      image_id: Type.String(),
      hits: Type.Integer(),
      last_accessed: Type.Number(),
      last_modified: Type.Number(),
      size: Type.Integer(),
    }),
  ),
  queued_images: Type.Array(Type.String()),
});

/** Times in seconds. */
const copyView = ({ imageId, diskCount, readAt, copiedAt, sizeBytes }: HostCopy) => ({
  image_id: imageId,
  hits: diskCount,
  last_accessed: readAt / 1000,
  last_modified: copiedAt / 1000,
  size: sizeBytes,
});

export const imageCacheRoutes: readonly Endpoint<ImageWorld>[] = [
  endpoint(
    {
      id: 'cache.show',
      method: 'GET',
      path: '/v2/cache',
      rule: 'cache_list',
      reply: { 200: CacheReply },
    },
    async (context) => {
      const { copies, queued } = await imageCacheShow(context);
      return { status: 200, body: { cached_images: copies.map(copyView), queued_images: queued } };
    },
  ),
  endpoint(
    {
      id: 'cache.add',
      method: 'PUT',
      path: '/v2/cache/:imageId',
      rule: 'cache_image',
      reply: { 202: null },
      auditType,
    },
    async (context, { params: { imageId = '' } }) => {
      await imageCacheAdd(context, imageId, context.requestId);
      return { status: 202 };
    },
  ),
  endpoint(
    {
      id: 'cache.remove',
      method: 'DELETE',
      path: '/v2/cache/:imageId',
      rule: 'cache_delete',
      reply: { 204: null },
      auditType,
    },
    async (context, { params: { imageId = '' } }) => {
      await imageCacheRemove(context, imageId);
      return { status: 204 };
    },
  ),
  endpoint(
    {
      id: 'cache.clear',
      method: 'DELETE',
      path: '/v2/cache',
      rule: 'cache_delete',
      reply: { 204: null },
      auditType,
    },
    async (context, { headers }) => {
      const target = String(headers['x-image-cache-clear-target'] ?? '').toLowerCase();
      await imageCacheClear(context, target);
      return { status: 204 };
    },
  ),
];
