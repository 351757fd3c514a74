import { invalid } from '../kernel/errors.ts';
import { endpointsOf, type Endpoint } from '../kernel/http/endpoint.ts';
import { Type } from '../kernel/type.ts';
import { blobsReclaim } from './image-blob.ts';
import { imageNewParse } from './image-edit.ts';
import { listParse } from './image-list.ts';
import { locationsChange, locationsFind, locationsSeen } from './image-location.ts';
import type { Image } from './image.model.ts';
import { patchApply, patchMediaTypes, patchParse } from './image-patch.ts';
import { attributeCheck, ImageCreateBody, ImageListReply, ImageReply } from './image.schema.ts';
import { storeCopyRemove } from './image-store-copy.ts';
import {
  imageChange,
  imageCreate,
  imageDeactivate,
  imageDelete,
  imageList,
  imageReactivate,
  imageShow,
  imageTagAdd,
  imageTagRemove,
} from './image.ts';
import { imageView } from './image.view.ts';
import { importMethods } from './import/import.schema.ts';
import { propertiesSeen } from './property-protection.ts';
import type { ImageContext, ImageWorld } from './image.world.ts';

const endpoint = endpointsOf<ImageWorld>();
const imageShown = (context: ImageContext, image: Image): Record<string, unknown> =>
  imageView(propertiesSeen(context, image), locationsSeen(context, image));
const auditType = 'image/image';

export const imageRoutes: readonly Endpoint<ImageWorld>[] = [
  endpoint(
    {
      id: 'images.create',
      method: 'POST',
      path: '/v2/images',
      rule: 'add_image',
      body: ImageCreateBody,
      reply: { 201: ImageReply },
      auditType,
    },
    async (context, { body }) => {
      // oxlint-disable-next-line typescript/no-unnecessary-condition -- an empty body is not held against the schema
      if (body === undefined) throw invalid('Body expected in request.');
      const image = await imageCreate(context, imageNewParse(body));
      return {
        status: 201,
        headers: {
          Location: `${context.baseUrl}/v2/images/${image.id}`,
          'OpenStack-image-import-methods': importMethods.join(','),
          'OpenStack-image-store-ids': context.world.stores.map(({ id }) => id).join(','),
        },
        body: imageShown(context, image),
      };
    },
  ),
  endpoint(
    {
      id: 'images.list',
      method: 'GET',
      path: '/v2/images',
      rule: 'get_images',
      reply: { 200: ImageListReply },
    },
    async (context, { query }) => {
      const wanted = listParse(query);
      const images = await imageList(context, wanted);
      const rest = new URLSearchParams([...query].filter(([name]) => name !== 'marker'));
      const first = rest.size === 0 ? '/v2/images' : `/v2/images?${rest.toString()}`;
      const last = images.at(-1);
      if (last !== undefined) rest.set('marker', last.id);
      return {
        status: 200,
        body: {
          images: images.map((image) => imageShown(context, image)),
          first,
          schema: '/v2/schemas/images',
          ...(last !== undefined &&
            images.length === wanted.limit && { next: `/v2/images?${rest.toString()}` }),
        },
      };
    },
  ),
  endpoint(
    {
      id: 'images.show',
      method: 'GET',
      path: '/v2/images/:imageId',
      rule: 'get_image',
      reply: { 200: ImageReply },
    },
    async (context, { params: { imageId = '' } }) => ({
      status: 200,
      body: imageShown(context, await imageShow(context, imageId)),
    }),
  ),
  endpoint(
    {
      id: 'images.update',
      method: 'PATCH',
      path: '/v2/images/:imageId',
      rule: 'modify_image',
      body: Type.Unknown(),
      mediaTypes: Object.keys(patchMediaTypes),
      reply: { 200: ImageReply },
      auditType,
    },
    async (context, { params: { imageId = '' }, body, mediaType }) => {
      const { changes, locations } = patchParse(body, mediaType);
      const found = await locationsFind(context, imageId, locations);
      // Glance asks its rule for each change: clients that change only their membership send none.
      if (changes.length > 0 || locations.length > 0) {
        const change = (before: Image): Image => patchApply(before, changes);
        await imageChange(context, imageId, change, (tx, seen) =>
          locationsChange(context, tx, seen, found),
        );
        if (locations.some(({ operation }) => operation === 'remove'))
          await blobsReclaim(context.world, imageId);
      }
      return { status: 200, body: imageShown(context, await imageShow(context, imageId)) };
    },
  ),
  endpoint(
    {
      id: 'images.delete',
      method: 'DELETE',
      path: '/v2/images/:imageId',
      rule: 'delete_image',
      reply: { 204: null },
      auditType,
    },
    async (context, { params: { imageId = '' } }) => {
      await imageDelete(context, imageId);
      return { status: 204 };
    },
  ),
  endpoint(
    {
      id: 'images.deactivate',
      method: 'POST',
      path: '/v2/images/:imageId/actions/deactivate',
      rule: 'deactivate',
      reply: { 204: null },
      auditType,
    },
    async (context, { params: { imageId = '' } }) => {
      await imageDeactivate(context, imageId);
      return { status: 204 };
    },
  ),
  endpoint(
    {
      id: 'images.reactivate',
      method: 'POST',
      path: '/v2/images/:imageId/actions/reactivate',
      rule: 'reactivate',
      reply: { 204: null },
      auditType,
    },
    async (context, { params: { imageId = '' } }) => {
      await imageReactivate(context, imageId);
      return { status: 204 };
    },
  ),
  endpoint(
    {
      id: 'images.tags.add',
      method: 'PUT',
      path: '/v2/images/:imageId/tags/:tag',
      rule: 'modify_image',
      reply: { 204: null },
      auditType,
    },
    async (context, { params: { imageId = '', tag = '' } }) => {
      attributeCheck('tags', [tag]);
      await imageTagAdd(context, imageId, tag);
      return { status: 204 };
    },
  ),
  endpoint(
    {
      id: 'images.tags.remove',
      method: 'DELETE',
      path: '/v2/images/:imageId/tags/:tag',
      rule: 'modify_image',
      reply: { 204: null },
      auditType,
    },
    async (context, { params: { imageId = '', tag = '' } }) => {
      await imageTagRemove(context, imageId, tag);
      return { status: 204 };
    },
  ),
  endpoint(
    {
      id: 'stores.images.remove',
      method: 'DELETE',
      path: '/v2/stores/:storeId/:imageId',
      rule: 'delete_image_location',
      reply: { 204: null },
      auditType,
    },
    async (context, { params: { storeId = '', imageId = '' } }) => {
      await storeCopyRemove(context, imageId, storeId);
      return { status: 204 };
    },
  ),
];
