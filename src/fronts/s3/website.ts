import type { IncomingMessage } from 'node:http';
import { objectOpen, type OpenObject } from '../../object/object-get.ts';
import { isAllowed } from './authorize.ts';
import { bucketFind } from './bucket-find.ts';
import { S3Failure } from './failure.ts';
import { objectHeaders } from './object-headers.ts';
import type { Reply, Scene } from './scene.ts';
import { redirectOf, type Website } from './settings/website.ts';
import { addressOf, type Address } from './wire/address.ts';
import { conditionsOf, readIsNotModified } from './wire/conditional.ts';
import { rangeParse } from './wire/range.ts';
import { escaped } from './wire/xml-write.ts';

/** Sites are at `<bucket>.website.<domain>`; null: this is a request of the API. */
export function websiteAddress(
  { headers, url }: IncomingMessage,
  domains: readonly string[],
): Address | null {
  const { host } = headers;
  const path = (url ?? '/').split('?', 1)[0] ?? '/';
  const address = addressOf(
    path,
    host,
    domains.map((domain) => `website.${domain}`),
  );
  return address.isVirtual ? address : null;
}

/** What visitors see: pages, never XML. Only what is open to everybody is shown. */
export async function websiteAnswer(scene: Scene): Promise<Reply> {
  const { world, address, request, context } = scene;
  const name = address.bucket ?? '';
  if (request.method !== 'GET' && request.method !== 'HEAD') return page('MethodNotAllowed', {});
  const bucket = await bucketFind(world, name, null);
  if (bucket === null) return page('NoSuchBucket', { BucketName: name });
  scene.bucket = bucket;
  const site = bucket.document<Website>('s3:website');
  if (site === null) return page('NoSuchWebsiteConfiguration', { BucketName: name });
  const key = address.key ?? '';
  const asked = { key, scheme: context.scheme, host: scene.header('host') ?? '' };
  const early = redirectOf(site, { ...asked, errorStatus: null });
  if (early !== null) return { status: early.status, headers: { Location: early.location } };
  const index = site.index ?? 'index.html';
  const wanted = key === '' || key.endsWith('/') ? key + index : key;
  const found = await publicOpen(scene, wanted);
  if (typeof found !== 'string') return objectReply(scene, found, 200);
  if (wanted === key && (await isFolder(scene, `${key}/${index}`))) {
    return {
      status: 302,
      headers: { Location: `/${key.split('/').map(encodeURIComponent).join('/')}/` },
    };
  }
  const errorStatus = found === 'NoSuchKey' ? 404 : 403;
  const late = redirectOf(site, { ...asked, errorStatus });
  if (late !== null) return { status: late.status, headers: { Location: late.location } };
  const custom = site.error === null ? found : await publicOpen(scene, site.error);
  if (typeof custom !== 'string') return objectReply(scene, custom, errorStatus);
  return page(found, { Key: wanted });
}

async function publicOpen(
  scene: Scene,
  key: string,
): Promise<OpenObject | 'NoSuchKey' | 'AccessDenied'> {
  const { world, bucket } = scene;
  const opened = await objectOpen(world, bucket.container, key);
  const object = opened?.object ?? null;
  const acl = { of: 'object', permission: 'READ' } as const;
  const mayRead = isAllowed(scene, { action: 's3:GetObject', key, object, acl });
  if (opened !== null && mayRead && object?.facts.encryption === undefined) return opened;
  opened?.[Symbol.dispose]();
  const mayList = isAllowed(scene, {
    action: 's3:ListBucket',
    acl: { of: 'bucket', permission: 'READ' },
  });
  return opened === null && (mayRead || mayList) ? 'NoSuchKey' : 'AccessDenied';
}

async function isFolder(scene: Scene, key: string): Promise<boolean> {
  const found = await publicOpen(scene, key);
  if (typeof found === 'string') return false;
  found[Symbol.dispose]();
  return true;
}

function objectReply(scene: Scene, opened: OpenObject, status: number): Reply {
  try {
    return openedReply(scene, opened, status);
  } catch (error) {
    opened[Symbol.dispose]();
    throw error;
  }
}

function openedReply(scene: Scene, opened: OpenObject, status: number): Reply {
  const { object } = opened;
  const headers = objectHeaders(scene, object);
  const redirect = object.facts.s3?.['redirect'];
  if (status === 200 && typeof redirect === 'string') {
    opened[Symbol.dispose]();
    return { status: 301, headers: { Location: Buffer.from(redirect).toString('latin1') } };
  }
  const validators = { etag: object.etag, modifiedMs: object.modifiedUs / 1000 };
  if (
    status === 200 &&
    readIsNotModified(
      conditionsOf((name) => scene.header(name)),
      validators,
    )
  ) {
    opened[Symbol.dispose]();
    return { status: 304, headers };
  }
  const asked = status === 200 ? rangeParse(scene.header('range'), object.sizeBytes) : null;
  const range = asked === 'unsatisfiable' ? null : asked;
  headers['Content-Length'] = range === null ? object.sizeBytes : range.last - range.first + 1;
  if (range !== null)
    headers['Content-Range'] = `bytes ${range.first}-${range.last}/${object.sizeBytes}`;
  return { status: range === null ? status : 206, headers, stream: opened.read(range), opened };
}

function page(
  code:
    | 'NoSuchKey'
    | 'AccessDenied'
    | 'NoSuchBucket'
    | 'NoSuchWebsiteConfiguration'
    | 'MethodNotAllowed',
  fields: Readonly<Record<string, string>>,
): Reply {
  const { status, message } = new S3Failure(code);
  const items = Object.entries({ Code: code, Message: message, ...fields })
    .map(([name, value]) => `<li>${name}: ${escaped(value)}</li>`)
    .join('\n');
  const title = `${status} ${code}`;
  return {
    status,
    headers: { 'Content-Type': 'text/html; charset=utf-8' },
    body: Buffer.from(
      `<html>\n<head><title>${title}</title></head>\n<body>\n<h1>${title}</h1>\n<ul>\n${items}\n</ul>\n</body>\n</html>\n`,
    ),
  };
}
