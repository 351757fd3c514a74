import type { IncomingMessage, ServerResponse } from 'node:http';
import { causesOf, Failure } from '../../kernel/errors.ts';
import { requestIdHeaders, type FrontContext } from '../../object/front.ts';
import { requestAuthenticate } from './authenticate.ts';
import { bucketResolve } from './bucket-find.ts';
import { callOf } from './calls/calls.ts';
import { corsPreflight, corsReplyHeaders } from './cors.ts';
import { codeOfKind, S3Failure, type S3Code } from './failure.ts';
import { anonymous } from './authenticate.ts';
import { Scene, type Reply } from './scene.ts';
import { addressOf, type Address } from './wire/address.ts';
import { queryParse, type QueryPairs } from './wire/uri.ts';
import { element, xmlDeclaration } from './wire/xml-write.ts';
import { websiteAnswer, websiteAddress } from './website.ts';

interface Asked {
  readonly rawPath: string;
  readonly query: QueryPairs;
  readonly address: Address;
}

/** The S3 API: one request, answered whole, its failures included. */
export async function s3Front(
  request: IncomingMessage,
  response: ServerResponse,
  context: FrontContext,
): Promise<void> {
  let reply: Reply;
  try {
    reply = await replyTo(request, response, context);
  } catch (error) {
    reply = failureReply(context, error);
  }
  await replySend({ request, response, context }, reply);
}

async function replyTo(
  request: IncomingMessage,
  response: ServerResponse,
  context: FrontContext,
): Promise<Reply> {
  const { world } = context;
  const asked = askedOf(request, world.settings.s3Domains);
  const http = { request, response, context };
  const site = websiteAddress(request, world.settings.s3Domains);
  if (site !== null) {
    const who = { caller: anonymous, payload: { kind: 'unsigned' } } as const;
    return await websiteAnswer(new Scene(http, { ...asked, address: site }, who));
  }
  if (request.method === 'OPTIONS') return await corsPreflight(request, world, asked.address);
  const { caller, payload } = await requestAuthenticate(world, request, asked);
  const scene = new Scene(http, asked, { caller, payload });
  return await callAnswer(scene);
}

async function callAnswer(scene: Scene): Promise<Reply> {
  const call = callOf(scene);
  if (scene.address.bucket !== null && call.needsBucket) {
    scene.bucket = await bucketResolve(scene, scene.address.bucket);
  }
  let reply: Reply;
  try {
    reply = await call.run(scene);
  } catch (error) {
    throw withCors(scene, error);
  }
  if (!scene.wasAsked && reply.status < 400) {
    throw new Error(`the call ${call.name} answered without asking who may`);
  }
  const cors = corsReplyHeaders(scene);
  return cors === null ? reply : { ...reply, headers: { ...cors, ...reply.headers } };
}

/** A browser may read an error only with the same headers as an answer. */
function withCors(scene: Scene, error: unknown): unknown {
  const cors = corsReplyHeaders(scene);
  if (cors === null) return error;
  const failure = failureOf(error);
  if (failure === null) return error;
  return new S3Failure(failure.code, failure.message, {
    fields: failure.fields,
    headers: { ...cors, ...failure.headers },
    cause: failure.cause,
  });
}

function askedOf(request: IncomingMessage, domains: readonly string[]): Asked {
  const url = (request.url ?? '/').replace(/^https?:\/\/[^/?]*/, '');
  const at = url.indexOf('?');
  const rawPath = at === -1 ? url : url.slice(0, at);
  return {
    rawPath: rawPath === '' ? '/' : rawPath,
    query: queryParse(at === -1 ? '' : url.slice(at + 1)),
    address: addressOf(rawPath, request.headers.host, domains),
  };
}

const codeOfType: Readonly<Record<string, S3Code>> = {
  NoSuchContainer: 'NoSuchBucket',
  NoSuchObject: 'NoSuchKey',
  NoSuchUpload: 'NoSuchUpload',
  ContainerNotEmpty: 'BucketNotEmpty',
  ObjectLocked: 'AccessDenied',
  InvalidPart: 'InvalidPart',
  IncompleteBody: 'IncompleteBody',
  RequestTimeout: 'RequestTimeout',
  EntityTooLarge: 'EntityTooLarge',
};

/** Null: a bug. */
function failureOf(error: unknown): S3Failure | null {
  if (error instanceof S3Failure) return error;
  if (!(error instanceof Failure)) return null;
  const named = codeOfType[error.type ?? ''];
  const isTold =
    error.type === 'ObjectLocked' || error.kind === 'over_quota' || error.kind === 'no_capacity';
  return new S3Failure(named ?? codeOfKind[error.kind], isTold ? error.message : undefined, {
    cause: error,
  });
}

function failureReply(context: FrontContext, error: unknown): Reply {
  const known = failureOf(error);
  const causes = causesOf(error);
  if (known === null) context.log.error('a request failed by a fault of ours', { causes });
  else context.log.debug('refused', { code: known.code, causes });
  const failure = known ?? new S3Failure('InternalError');
  const fields = Object.entries(failure.fields).map(([name, value]) => element(name, value));
  return {
    status: failure.status,
    headers: failure.headers,
    xml:
      `${xmlDeclaration}<Error>${element('Code', failure.code)}${element('Message', failure.message)}${fields.join('')}` +
      `${element('RequestId', context.requestId)}${element('HostId', context.requestId)}</Error>`,
  };
}

interface Http {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly context: FrontContext;
}

async function replySend({ request, response, context }: Http, reply: Reply): Promise<void> {
  const { status, xml, stream, opened } = reply;
  try {
    const body = xml === undefined ? reply.body : Buffer.from(xml);
    const headers: Record<string, string | number> = {
      ...requestIdHeaders(context.requestId),
      'x-amz-request-id': context.requestId,
      'x-amz-id-2': context.requestId,
      ...(xml !== undefined && { 'Content-Type': 'application/xml' }),
      ...reply.headers,
    };
    const isBodiless = status === 204 || status === 304;
    if (stream === undefined && !isBodiless && headers['Content-Length'] === undefined) {
      headers['Content-Length'] = body?.length ?? 0;
    }
    response.writeHead(status, headers);
    if (request.method === 'HEAD' || isBodiless) {
      response.end();
      return;
    }
    if (stream === undefined) response.end(body);
    else await context.send(stream);
  } finally {
    opened?.[Symbol.dispose]();
  }
}
