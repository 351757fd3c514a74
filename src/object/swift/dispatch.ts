import type { ObjectWorld } from '../object.world.ts';
import { archiveExtract } from './bulk-extract.ts';
import { bulkDeletePost } from './bulk-delete.ts';
import { containerRead } from './container-read.ts';
import { objectCopyFrom, objectCopyTo } from './copy.ts';
import { optionsReply } from './cors.ts';
import { formPost } from './form-post.ts';
import { objectPost, objectRemove, objectSource, versionRestore } from './object-change.ts';
import { objectWrite } from './object-write.ts';
import { sourceReply } from './range.ts';
import { manifestShow } from './slo-show.ts';
import { manifestPut } from './slo-write.ts';
import { webReply } from './static-web.ts';
import { accountRead, accountRemove, accountWrite } from './swift-account.ts';
import { containerPost, containerPut, containerRemove } from './swift-container.ts';
import { reply, type SwiftReply } from './swift.reply.ts';
import type { SwiftRequest } from './swift.request.ts';
import { temporaryUrl } from './tempurl.ts';

type Action = (world: ObjectWorld, request: SwiftRequest) => Promise<SwiftReply>;
type Actions = Readonly<Record<string, Action>>;

const accountActions: Actions = {
  GET: accountRead,
  HEAD: accountRead,
  PUT: accountWrite,
  POST: accountWrite,
  DELETE: accountRemove,
  OPTIONS: optionsReply,
};

const containerActions: Actions = {
  GET: containerRead,
  HEAD: containerRead,
  PUT: containerPut,
  POST: containerPost,
  DELETE: containerRemove,
  OPTIONS: optionsReply,
};

const objectActions: Actions = {
  GET: objectRead,
  HEAD: objectRead,
  PUT: objectPutAny,
  POST: objectPost,
  DELETE: objectRemove,
  COPY: objectCopyTo,
  OPTIONS: optionsReply,
};

/** Every call there is, for tests that must not miss one. */
export const swiftMethods = {
  account: Object.keys(accountActions),
  container: Object.keys(containerActions),
  object: Object.keys(objectActions),
} as const;

async function objectRead(world: ObjectWorld, request: SwiftRequest): Promise<SwiftReply> {
  const source = await objectSource(world, request);
  if (request.query.get('multipart-manifest') === 'get') {
    const shown = await manifestShow(request, source);
    if (shown !== null) return shown;
  }
  return sourceReply(request, source);
}

function objectPutAny(world: ObjectWorld, request: SwiftRequest): Promise<SwiftReply> {
  const versionId = request.query.get('version-id');
  if (versionId !== undefined && request.headers['x-copy-from'] === undefined) {
    return versionRestore(world, request, versionId);
  }
  if (request.query.get('multipart-manifest') === 'put') return manifestPut(world, request);
  return request.headers['x-copy-from']
    ? objectCopyFrom(world, request)
    : objectWrite(world, request);
}

/** One call, without what only a client's own request may be: bulk operations and forms make their parts of these. */
export async function placeServe(world: ObjectWorld, request: SwiftRequest): Promise<SwiftReply> {
  const actions =
    request.object !== null
      ? objectActions
      : request.container !== null
        ? containerActions
        : accountActions;
  const action = Object.hasOwn(actions, request.method) ? actions[request.method] : undefined;
  if (action === undefined) return reply(405, null, { allow: Object.keys(actions).join(', ') });
  return action(world, request);
}

/** A client's request: what is signed, packed or posted first, then the call itself. */
export async function dispatch(world: ObjectWorld, request: SwiftRequest): Promise<SwiftReply> {
  const serve = (one: SwiftRequest): Promise<SwiftReply> => placeServe(world, one);
  const signed = await temporaryUrl(world, request);
  if (signed !== null) {
    const { 'x-timestamp': _time, ...headers } = request.headers;
    const done = await serve({
      ...request,
      headers,
      authority: signed.authority,
      query: new Map(),
    });
    return signed.dress(done);
  }
  const { method, query } = request;
  if (method === 'PUT' && query.has('extract-archive')) return archiveExtract(request, serve);
  if ((method === 'POST' || method === 'DELETE') && query.has('bulk-delete')) {
    return bulkDeletePost(request, serve);
  }
  const posted = await formPost(world, request, serve);
  if (posted !== null) return posted;
  return (await webReply(world, request, serve)) ?? serve(request);
}
