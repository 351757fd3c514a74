import { createHmac } from 'node:crypto';
import type { ObjectWorld } from '../object.world.ts';
import { BadForm, formBoundary, formRead, type FormPart } from './form.ts';
import { failureReply, refuse, Refusal, statusLine, type SwiftReply } from './swift.reply.ts';
import { pathQuote } from './place.ts';
import type { SwiftRequest } from './swift.request.ts';
import { isSame } from './tempauth.ts';
import { scopeAuthority, scopedKeys, signatureParse, type ScopedKey } from './tempurl.ts';

type Serve = (request: SwiftRequest) => Promise<SwiftReply>;
type Fields = Readonly<Record<string, string>>;

const fieldBytesMax = 4096;

/** A browser's form whose fields are signed with a temporary URL key: its files become objects. Null: no form. */
export async function formPost(
  world: ObjectWorld,
  request: SwiftRequest,
  serve: Serve,
): Promise<SwiftReply | null> {
  const boundary = request.method === 'POST' ? formBoundary(request.headers['content-type']) : null;
  if (boundary === null) return null;
  try {
    return await formTake(world, request, boundary, serve);
  } catch (error) {
    if (error instanceof BadForm) throw refuse(400, `FormPost: ${error.message}`, {}, error);
    throw error;
  }
}

async function formTake(
  world: ObjectWorld,
  request: SwiftRequest,
  boundary: string,
  serve: Serve,
): Promise<SwiftReply> {
  const keys = request.container === null ? [] : await scopedKeys(world, request);
  let fields: Fields = {};
  let fileCount = 0;
  let outcome = { status: 400, message: 'no files to process' };
  for await (const part of formRead(request.body, boundary)) {
    if (part.filename === null || part.filename === '') {
      const value = await fieldRead(part);
      if (part.name !== null) fields = { ...fields, [part.name.toLowerCase()]: value };
      continue;
    }
    fileCount++;
    if (fileCount > wholeOf(fields, 'max_file_count')) {
      outcome = { status: 400, message: 'max file count exceeded' };
      break;
    }
    const scope = signatureCheck(world, request, fields, keys);
    const status = await fileStore(request, fields, { part, scope }, serve);
    outcome = { status, message: '' };
    if (status < 200 || status > 299) break;
  }
  return formReply(fields['redirect'] ?? '', outcome);
}

function wholeOf(fields: Fields, name: string): number {
  const text = (fields[name] ?? '').trim();
  if (!/^[+-]?\d*$/.test(text)) throw new BadForm(`${name} not an integer`);
  return Number(text);
}

async function fieldRead({ body }: FormPart): Promise<string> {
  const chunks: Uint8Array[] = [];
  let kept = 0;
  for await (const chunk of body) {
    const part = chunk.subarray(0, Math.max(fieldBytesMax - kept, 0));
    kept += part.length;
    chunks.push(part);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Which key signed the fields that came so far. */
function signatureCheck(
  world: ObjectWorld,
  { version, account, container, object, rawPath }: SwiftRequest,
  fields: Fields,
  keys: readonly ScopedKey[],
): ScopedKey['scope'] {
  const unauthorized = (why: string): Refusal => refuse(401, `FormPost: ${why}`);
  if (wholeOf(fields, 'expires') * 1000 < world.clock.now()) throw unauthorized('Form Expired');
  const signature = signatureParse(fields['signature'] ?? '');
  if (signature === null) throw unauthorized('Invalid Signature');
  const slash = container !== null && object === null && rawPath.endsWith('/') ? '/' : '';
  const path = `/${[version, account, container, object].filter((part) => part !== null).join('/')}${slash}`;
  const text = [
    path,
    fields['redirect'] ?? '',
    fields['max_file_size'] || '0',
    fields['max_file_count'] || '0',
    fields['expires'] || '0',
  ].join('\n');
  const fitting = keys.find(({ key }) =>
    isSame(createHmac(signature.digest, key).update(text).digest('hex'), signature.hex),
  );
  if (fitting === undefined) throw unauthorized('Invalid Signature');
  return fitting.scope;
}

async function fileStore(
  request: SwiftRequest,
  fields: Fields,
  { part, scope }: { readonly part: FormPart; readonly scope: ScopedKey['scope'] },
  serve: Serve,
): Promise<number> {
  const type = fields['content-type'] ?? part.headers.get('content-type');
  const encoding = fields['content-encoding'] ?? part.headers.get('content-encoding');
  const expiry = ['x_delete_at', 'x_delete_after'].flatMap((name) =>
    fields[name] === undefined ? [] : [[name.replaceAll('_', '-'), String(wholeOf(fields, name))]],
  );
  try {
    const done = await serve({
      ...request,
      method: 'PUT',
      object: `${request.object ?? ''}${part.filename ?? ''}`,
      query: new Map(),
      authority: scopeAuthority(scope),
      headers: {
        ...(type !== undefined && { 'content-type': type }),
        ...(encoding !== undefined && { 'content-encoding': encoding }),
        ...(Object.fromEntries(expiry) as Record<string, string>),
      },
      body: capped(part.body, wholeOf(fields, 'max_file_size')),
      sizeBytes: null,
      isChunked: true,
    });
    return done.status;
  } catch (error) {
    const refused = error instanceof BadForm ? null : failureReply(error);
    if (refused === null) throw error;
    return refused.status;
  }
}

async function* capped(
  body: AsyncIterable<Uint8Array>,
  limitBytes: number,
): AsyncIterable<Uint8Array> {
  let sizeBytes = 0;
  for await (const chunk of body) {
    sizeBytes += chunk.length;
    if (sizeBytes > limitBytes) throw new BadForm('max_file_size exceeded');
    yield chunk;
  }
}

function formReply(
  redirect: string,
  { status, message }: { status: number; message: string },
): SwiftReply {
  const title = statusLine(status);
  if (redirect === '') {
    const capital = message.replaceAll(/\b[a-z]/g, (letter) => letter.toUpperCase());
    const body = message === '' ? title : `${title}\r\nFormPost: ${capital}`;
    return { status, headers: { 'content-type': 'text/plain' }, body };
  }
  const location = `${redirect}${redirect.includes('?') ? '&' : '?'}status=${status}&message=${pathQuote(message)}`;
  const shown = location.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');
  return {
    status: 303,
    headers: { location, 'content-type': 'text/html; charset=UTF-8' },
    body: `<html><body><p><a href="${shown}">Click to continue...</a></p></body></html>`,
  };
}
