import type { IncomingHttpHeaders } from 'node:http';
import { Failure, invalid } from '../kernel/errors.ts';
import { endpointsOf, type Endpoint } from '../kernel/http/endpoint.ts';
import { Type } from '../kernel/type.ts';
import { contentRangeParse, imageDownload, rangeParse } from './image-download.ts';
import { imageStage, imageUpload } from './image-upload.ts';
import type { ImageWorld } from './image.world.ts';

const endpoint = endpointsOf<ImageWorld>();
const path = '/v2/images/:imageId/file';

export const imageFileRoutes: readonly Endpoint<ImageWorld>[] = [
  endpoint(
    {
      id: 'images.upload',
      method: 'PUT',
      path,
      rule: 'upload_image',
      body: 'stream',
      reply: { 204: null },
      auditType: 'image/image',
    },
    async (context, { params: { imageId = '' }, headers, mediaType, stream }) => {
      octetsRequire(mediaType);
      const incoming = { bytes: stream, isOwned: true, sizeBytes: sizeAnnounced(headers) };
      const storeId = headerText(headers, 'x-image-meta-store');
      await imageUpload(context, imageId, incoming, storeId);
      return { status: 204 };
    },
  ),
  endpoint(
    {
      id: 'images.stage',
      method: 'PUT',
      path: '/v2/images/:imageId/stage',
      rule: 'modify_image',
      body: 'stream',
      reply: { 204: null },
      auditType: 'image/image',
    },
    async (context, { params: { imageId = '' }, headers, mediaType, stream }) => {
      octetsRequire(mediaType);
      const incoming = { bytes: stream, isOwned: true, sizeBytes: sizeAnnounced(headers) };
      await imageStage(context, imageId, incoming);
      return { status: 204 };
    },
  ),
  endpoint(
    {
      id: 'images.download',
      method: 'GET',
      path,
      rule: 'download_image',
      reply: { 200: Type.Unknown(), 204: null, 206: Type.Unknown(), 304: null },
    },
    async (context, { params: { imageId = '' }, headers, query }) => {
      const download = await imageDownload(context, imageId, storesParse(query.get('prefer')));
      if (download === null) return { status: 204 };
      const { image, sizeBytes } = download;
      const etag = image.md5 === null ? null : `"${image.md5}"`;
      if (isFresh(headers, etag))
        return { status: 304, headers: { ...(etag !== null && { ETag: etag }) } };
      const wantsPart = ifRangeHolds(headers, etag);
      const part =
        rangeParse(wantsPart ? headers.range : undefined, sizeBytes) ??
        contentRangeParse(wantsPart ? headers['content-range'] : undefined, sizeBytes);
      const { offset, lengthBytes } = part ?? { offset: 0, lengthBytes: sizeBytes };
      return {
        status: part === null ? 200 : 206,
        headers: {
          'Content-Type': 'application/octet-stream',
          'Content-Length': String(lengthBytes),
          'Accept-Ranges': 'bytes',
          ...(etag !== null && { ETag: etag }),
          // Of the whole image, in hexadecimal: not RFC 1864's form, but what Glance's clients check.
          ...(image.md5 !== null && { 'Content-MD5': image.md5 }),
          ...(part !== null && {
            'Content-Range': `bytes ${offset}-${offset + lengthBytes - 1}/${sizeBytes}`,
          }),
        },
        stream: download.read({ offset, lengthBytes }),
        isStreamOwned: true,
      };
    },
  ),
];

const storesParse = (text: string | null): string[] =>
  (text ?? '')
    .split(',')
    .map((store) => store.trim())
    .filter((store) => store !== '');

/** RFC 9110, section 13: bytes of an image never change, so its MD5 names them strongly. */
function isFresh(headers: IncomingHttpHeaders, etag: string | null): boolean {
  const [match, noneMatch] = [headers['if-match'], headers['if-none-match']];
  if (match !== undefined && !etagIsIn(match, etag)) {
    throw new Failure('precondition_failed', 'The image is another one.');
  }
  return noneMatch !== undefined && etagIsIn(noneMatch, etag);
}

const etagIsIn = (list: string, etag: string | null): boolean =>
  etag !== null &&
  list.split(',').some((one) => one.trim() === '*' || one.trim().replace(/^W\//, '') === etag);

const ifRangeHolds = (
  { 'if-range': condition }: IncomingHttpHeaders,
  etag: string | null,
): boolean => condition === undefined || condition === etag;

function octetsRequire(mediaType: string): void {
  if (mediaType === 'application/octet-stream') return;
  throw new Failure('unsupported_media', 'Invalid content type ' + mediaType);
}

/** Null: sent in chunks, without a word on its size. */
function sizeAnnounced(headers: IncomingHttpHeaders): number | null {
  const text = headerText(headers, 'x-openstack-image-size') ?? headers['content-length'] ?? null;
  if (text === null) return null;
  if (!/^\d{1,15}$/.test(text)) throw invalid('Invalid or missing image size in request headers.');
  return Number(text);
}

export function headerText(headers: IncomingHttpHeaders, name: string): string | null {
  const value = headers[name];
  return typeof value === 'string' ? value : null;
}
