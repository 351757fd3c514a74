import type { IncomingHttpHeaders } from 'node:http';
import { objectPut } from '../../../object/object-put.ts';
import { accessKeyFind, anonymous, callerOf, regionsOf, signingKeys } from '../authenticate.ts';
import { bucketResolve } from '../bucket-find.ts';
import { intakeOf } from '../body.ts';
import { badArgument, S3Failure } from '../failure.ts';
import { eventsField } from '../notify.ts';
import {
  withChecksum,
  writeAllow,
  writePlan,
  writtenChecksums,
  writtenHeaders,
} from '../object-write.ts';
import type { Caller, Reply, Scene } from '../scene.ts';
import {
  formClaimOf,
  formClaimVerify,
  postPolicyCheck,
  type Fields,
  type PostRules,
} from '../signature/post-policy.ts';
import { tagsParse, objectTagLimit } from '../settings/tagging.ts';
import { keyCheck } from '../wire/address.ts';
import { boundaryOf, formRead } from '../wire/form.ts';
import { element, xmlDocument } from '../wire/xml-write.ts';

/** An upload by a browser's form, under the policy that somebody signed for it. */
export async function objectPost(outer: Scene): Promise<Reply> {
  const { request, world, nowMs } = outer;
  const boundary = boundaryOf(request.headers['content-type'] ?? '');
  const { fields, fileName, file } = await formRead(outer.context.body(), boundary);
  const caller = await formCaller(outer, fields);
  const rules: PostRules =
    caller === anonymous
      ? { leastBytes: 0, mostBytes: Infinity }
      : postPolicyCheck(fields.get('policy') ?? '', fields, outer.bucket.name, nowMs);
  const key = keyCheck((fields.get('key') ?? '').replaceAll('${filename}', fileName));
  if (key === '')
    throw badArgument(
      'key',
      '',
      "Bucket POST must contain a field named 'key'.  If it is specified, please check the order of the fields.",
    );
  const scene = outer.withForm({ headers: headersOf(fields), key, caller });
  scene.bucket = await bucketResolve(scene, outer.bucket.name);
  writeAllow(scene);
  outer.wasAsked = true;
  const tagging = fields.get('tagging');
  const tags = tagging === undefined ? null : tagsParse(Buffer.from(tagging), objectTagLimit);
  const { contentType, facts, writeKey } = await writePlan(scene, tags === null ? {} : { tags });
  const intake = intakeOf(scene, { body: file, sizeBytes: null, decoder: null });
  const stored = await objectPut(world, scene.bucket.container, {
    name: key,
    body: intake.body,
    sizeBytes: null,
    limitBytes: Math.min(intake.limitBytes, rules.mostBytes),
    contentType,
    facts,
    hashes: intake.hashes,
    key: writeKey?.key ?? null,
    finish(got) {
      if (got.sizeBytes < rules.leastBytes) throw new S3Failure('EntityTooSmall');
      const checksum = intake.finish(got);
      return { facts: withChecksum(facts, checksum && { ...checksum, type: 'FULL_OBJECT' }) };
    },
    ...eventsField(scene, 's3:ObjectCreated:Post'),
  });
  const headers = { ...writtenHeaders(scene, stored), ...writtenChecksums(stored) };
  return successReply(scene, fields, { headers, etag: stored.etag });
}

async function formCaller({ world }: Scene, fields: Fields): Promise<Caller> {
  const claim = formClaimOf(fields);
  if (claim === null) return anonymous;
  if (fields.has('x-amz-security-token')) throw new S3Failure('InvalidToken');
  const key = await accessKeyFind(world, claim.accessKey);
  formClaimVerify(claim, fields, { text: key.secret, keys: signingKeys }, regionsOf(world));
  return callerOf(world, claim.accessKey, key, {
    version: claim.version,
    isQuery: false,
    ageMs: 0,
  });
}

const asHeaders =
  /^(acl|cache-control|content-(type|md5|disposition|encoding|language)|expires|x-amz-.*)$/;

/** Fields that mean what headers of the same name mean. */
function headersOf(fields: Fields): IncomingHttpHeaders {
  const headers: Record<string, string> = {};
  for (const [name, value] of fields) {
    if (!asHeaders.test(name)) continue;
    headers[name === 'acl' ? 'x-amz-acl' : name] = Buffer.from(value).toString('latin1');
  }
  return headers;
}

function successReply(
  scene: Scene,
  fields: Fields,
  written: { readonly headers: Readonly<Record<string, string>>; readonly etag: string },
): Reply {
  const { bucket, key, context } = scene;
  const host = scene.request.headers.host ?? '';
  const path = key.split('/').map(encodeURIComponent).join('/');
  const location = `${context.scheme}://${host}/${bucket.name}/${path}`;
  const quoted = `"${written.etag}"`;
  const headers = { ...written.headers, ETag: quoted, Location: location };
  const target = URL.parse(fields.get('success_action_redirect') ?? fields.get('redirect') ?? '');
  if (target !== null && /^https?:$/.test(target.protocol)) {
    for (const [name, value] of Object.entries({ bucket: bucket.name, key, etag: quoted })) {
      target.searchParams.set(name, value);
    }
    return { status: 303, headers: { ...headers, Location: target.href } };
  }
  const status = fields.get('success_action_status');
  if (status === '200') return { status: 200, headers };
  if (status !== '201') return { status: 204, headers };
  const names = { Location: location, Bucket: bucket.name, Key: key, ETag: quoted };
  const content = Object.entries(names).map(([name, value]) => element(name, value));
  return { status: 201, headers, xml: xmlDocument('PostResponse', content.join('')) };
}
