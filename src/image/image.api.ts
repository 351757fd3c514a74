import { STATUS_CODES } from 'node:http';
import type { Failure, FailureKind } from '../kernel/errors.ts';
import type { Api, FailureFacts } from '../kernel/http/api.ts';
import type { Reply } from '../kernel/http/endpoint.ts';
import { imageCacheRoutes } from './image-cache.routes.ts';
import { imageFileRoutes } from './image-file.routes.ts';
import { imageInfoRoutes } from './image-info.routes.ts';
import { imageMemberRoutes } from './image-member.routes.ts';
import { imageRoutes } from './image.routes.ts';
import { importRoutes } from './import/import.routes.ts';
import { metadefDefinitionRoutes } from './metadef/metadef-definition.routes.ts';
import { metadefRoutes } from './metadef/metadef.routes.ts';
import type { ImageWorld } from './image.world.ts';

export const imageApi = (world: ImageWorld): Api<ImageWorld> => ({
  name: 'image',
  mounts: ['/image'],
  endpoints: [
    ...imageInfoRoutes,
    ...imageRoutes,
    ...imageFileRoutes,
    ...imageMemberRoutes,
    ...imageCacheRoutes,
    ...importRoutes,
    ...metadefRoutes,
    ...metadefDefinitionRoutes,
  ],
  world,
  isSlashStrict: true,
  failureReply: imageFailureReply,
});

const statusOf: Readonly<Record<FailureKind, number>> = {
  invalid: 400,
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  method_not_allowed: 405,
  not_acceptable: 406,
  conflict: 409,
  precondition_failed: 412,
  too_large: 413,
  unsupported_media: 415,
  over_quota: 413,
  no_capacity: 503,
  not_implemented: 501,
  unavailable: 503,
};
const statusOfType: Readonly<Record<string, number>> = { Gone: 410, RangeNotSatisfiable: 416 };

/** Glance answers with a page: its clients take the text out of the tags. */
function imageFailureReply(failure: Failure, { isBug }: FailureFacts): Reply {
  const status = isBug ? 500 : (statusOfType[failure.type ?? ''] ?? statusOf[failure.kind]);
  const title = `${status} ${STATUS_CODES[status] ?? 'Error'}`;
  const page = [
    '<html>',
    ' <head>',
    `  <title>${title}</title>`,
    ' </head>',
    ' <body>',
    `  <h1>${title}</h1>`,
    `  ${htmlEscape(failure.message)}<br /><br />`,
    ' </body>',
    '</html>',
  ];
  return {
    status,
    headers: { 'Content-Type': 'text/html; charset=UTF-8' },
    bytes: `${page.join('\n')}\n`,
  };
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
};
const htmlEscape = (text: string): string =>
  text.replaceAll(/[&<>"]/g, (char) => entities[char] ?? char);
