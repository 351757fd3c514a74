import type { IncomingMessage, ServerResponse } from 'node:http';
import { causesOf } from '../../kernel/errors.ts';
import { requestIdHeaders, type Front, type FrontContext } from '../front.ts';
import type { ObjectWorld } from '../object.world.ts';
import type { Authority } from './authority.model.ts';
import { actorAuthority, anonymous, groupAuthority } from './authority.ts';
import { corsDress } from './cors.ts';
import { dispatch } from './dispatch.ts';
import { domainRemap } from './domain-remap.ts';
import { outsideReply } from './info.ts';
import { failureReply, refuse, reply, type SwiftReply } from './swift.reply.ts';
import { percentDecodeLax, splitOnce } from './place.ts';
import { headerEncode } from './header-text.ts';
import {
  headersOf,
  placeParse,
  queryParse,
  type RawRequest,
  type SwiftRequest,
} from './swift.request.ts';
import { tempauthReply, tokenGroups } from './tempauth.ts';

/** The Swift API, whole. */
export const swiftFront: Front = async (request, response, context) => {
  const answer = await answerOf(request, context);
  await answerSend(request, response, answer, context);
};

async function answerOf(request: IncomingMessage, context: FrontContext): Promise<SwiftReply> {
  try {
    return await served(context.world, rawOf(request, context));
  } catch (error) {
    const refused = failureReply(error);
    if (refused !== null) return refused;
    context.log.error('a request failed by a fault of ours', { causes: causesOf(error) });
    return reply(500);
  }
}

function rawOf(request: IncomingMessage, context: FrontContext): RawRequest {
  const url = (request.url ?? '/').replace(/^https?:\/\/[^/]*/i, '');
  const [rawPath = '/', rawQuery = ''] = splitOnce(url, '?');
  const path = percentDecodeLax(rawPath);
  if (path === null || path.includes('\0')) throw refuse(412, 'Invalid UTF8 or contains NULL');
  const headers = headersOf(request.headers);
  const { 'content-length': length, 'transfer-encoding': encoding, host = 'localhost' } = headers;
  if (encoding !== undefined && encoding.trim().toLowerCase() !== 'chunked') {
    throw refuse(501, 'The transfer encoding is not supported.');
  }
  return {
    method: request.method ?? 'GET',
    path,
    rawPath,
    query: queryParse(rawQuery),
    headers,
    body: context.body(),
    sizeBytes: length === undefined ? null : Number(length),
    isChunked: encoding !== undefined,
    hostUrl: `${context.scheme}://${/^[\w.:[\]-]+$/.test(host) ? host : 'localhost'}`,
    remoteAddress: context.remoteAddress,
    transId: context.requestId,
  };
}

async function served(world: ObjectWorld, came: RawRequest): Promise<SwiftReply> {
  const raw = domainRemap(world, came);
  const outside = outsideReply(world, raw) ?? tempauthReply(world, raw);
  if (outside !== null) return outside;
  const place = placeParse(raw.path);
  if (place === null) throw /^\/v1(\.0)?\/?$/.test(raw.path) ? refuse(412, 'Bad URL') : refuse(404);
  if (place.version !== 'v1' && place.version !== 'v1.0') throw refuse(404);
  const { path: _path, ...rest } = raw;
  const authority = await authorityOf(world, raw, place.account);
  const request: SwiftRequest = { ...rest, ...place, authority };
  let got: SwiftReply;
  try {
    got = await dispatch(world, request);
  } catch (error) {
    const refused = failureReply(error);
    if (refused === null) throw error;
    got = refused;
  }
  return corsDress(world, request, got);
}

async function authorityOf(
  world: ObjectWorld,
  { headers, method, rawPath }: RawRequest,
  account: string,
): Promise<Authority> {
  const token = headers['x-auth-token'] ?? headers['x-storage-token'];
  if (token === undefined || token === '') return anonymous;
  const prefixes = world.settings.swift.servicePrefixes;
  const serviceToken = headers['x-service-token'];
  const invalid = refuse(401, null, {
    'www-authenticate': `Swift realm="${encodeURIComponent(account)}"`,
  });
  if (world.settings.tempauth.length > 0) {
    const groups = tokenGroups(world, token, prefixes);
    if (groups === null) throw invalid;
    const served = serviceToken === undefined ? null : tokenGroups(world, serviceToken, prefixes);
    return groupAuthority(world, [...groups, ...(served ?? [])], prefixes);
  }
  const asked = { method, path: rawPath, serviceToken: serviceToken ?? null };
  const actor = await world.identity.tokenActor(token, asked);
  if (actor === null) throw invalid;
  return actorAuthority(world, actor, prefixes);
}

const titled = (name: string): string =>
  name.replaceAll(/(^|-)[a-z]/g, (text) => text.toUpperCase());

async function answerSend(
  request: IncomingMessage,
  response: ServerResponse,
  { status, headers, body, sizeBytes, close }: SwiftReply,
  context: FrontContext,
): Promise<void> {
  const lines: Record<string, string | number> = requestIdHeaders(context.requestId);
  for (const [name, value] of Object.entries(headers)) {
    // Header lines cannot carry line breaks; what came in through a form or a manifest might.
    lines[titled(name)] = headerEncode(value.replaceAll(/[\r\n\0]/g, ' '));
  }
  // HTTP/1.1 keeps connections alive without a word.
  if (request.headers.connection === undefined && request.httpVersion === '1.1') {
    response.removeHeader('Connection');
  }
  const isHead = request.method === 'HEAD';
  const isBodyless = status === 204 || status === 304;
  try {
    if (body === undefined || typeof body === 'string' || body instanceof Uint8Array) {
      const bytes = typeof body === 'string' ? Buffer.from(body) : body;
      if (!isBodyless || sizeBytes !== undefined)
        lines['Content-Length'] = sizeBytes ?? bytes?.length ?? 0;
      response.writeHead(status, lines);
      response.end(isHead || isBodyless ? undefined : bytes);
      return;
    }
    if (sizeBytes !== undefined) lines['Content-Length'] = sizeBytes;
    response.writeHead(status, lines);
    if (isHead) response.end();
    else await context.send(body);
  } finally {
    close?.();
  }
}
