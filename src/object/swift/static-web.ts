import { containerGet } from '../container.ts';
import type { ObjectWorld } from '../object.world.ts';
import { metaIn } from './quota.ts';
import { failureReply, reply, type SwiftReply } from './swift.reply.ts';
import { pathQuote } from './place.ts';
import { isTrue, type SwiftRequest } from './swift.request.ts';
import { webListing, type WebRow } from './web-listing.ts';

type Serve = (request: SwiftRequest) => Promise<SwiftReply>;

interface Site {
  readonly index: string | null;
  readonly error: string | null;
  readonly hasListings: boolean;
  readonly css: string | null;
  readonly label: string | null;
  readonly folderType: string;
}

function siteOf(meta: Readonly<Record<string, string>>): Site {
  const text = (name: string): string | null => meta[name]?.trim() || null;
  return {
    index: text('web-index'),
    error: text('web-error'),
    hasListings: isTrue(meta['web-listings']),
    css: text('web-listings-css'),
    label: text('web-listings-label'),
    folderType: text('web-directory-type') ?? 'application/directory',
  };
}

interface Visit {
  readonly site: Site;
  readonly request: SwiftRequest;
  /** Never throws a refusal. */
  readonly serve: Serve;
}

/** A container as a web site: index pages, listings, error pages. Null: it is none, or an API client asks. */
export async function webReply(
  world: ObjectWorld,
  request: SwiftRequest,
  serve: Serve,
): Promise<SwiftReply | null> {
  const { method, account, container: name, object, authority, headers } = request;
  if ((method !== 'GET' && method !== 'HEAD') || name === null) return null;
  const isWebMode = isTrue(headers['x-web-mode']);
  if (!authority.isAnonymous && !isWebMode) return null;
  const container = await containerGet(world, account, name);
  if (container === null) return null;
  const site = siteOf(metaIn(container.documents));
  const visit: Visit = { site, request, serve: (one) => quietly(serve, one) };
  if (object === null) {
    if (!site.hasListings && site.index === null) return isWebMode ? reply(404) : null;
    return rootReply(visit);
  }
  if (!site.hasListings && site.index === null && site.error === null) return null;
  return pageReply(visit, object);
}

async function quietly(serve: Serve, request: SwiftRequest): Promise<SwiftReply> {
  try {
    return await serve(request);
  } catch (error) {
    const refused = failureReply(error);
    if (refused === null) throw error;
    return refused;
  }
}

const isFound = ({ status }: SwiftReply): boolean => status >= 200 && status < 400;
const endsInSlash = ({ rawPath }: SwiftRequest): boolean => rawPath.endsWith('/');

const toFolder = ({ rawPath, hostUrl }: SwiftRequest): SwiftReply =>
  reply(301, null, { location: `${hostUrl}${rawPath}/` });

async function rootReply(visit: Visit): Promise<SwiftReply> {
  const { site, request, serve } = visit;
  if (!endsInSlash(request)) return toFolder(request);
  if (site.index === null) return listing(visit, '');
  const page = await serve({ ...request, object: site.index });
  if (page.status === 404) return listing(visit, '');
  return isFound(page) ? page : errorPage(visit, page);
}

async function pageReply(visit: Visit, object: string): Promise<SwiftReply> {
  const { site, request, serve } = visit;
  const page = await serve(request);
  if (isFound(page) && !isFolderMarker(page, site)) return page;
  if (isFound(page)) page.close?.();
  else if (page.status !== 404) return errorPage(visit, page);
  const folder = object.endsWith('/') ? object : `${object}/`;
  if (site.index !== null) {
    const index = await serve({ ...request, object: folder + site.index });
    if (isFound(index)) {
      if (endsInSlash(request)) return index;
      index.close?.();
      return toFolder(request);
    }
    if (index.status !== 404) return errorPage(visit, index);
  }
  if (endsInSlash(request)) return listing(visit, folder);
  const below = await rowsOf(visit, folder, 1);
  return below.length > 0 ? toFolder(request) : errorPage(visit, reply(404));
}

/** An empty object that only stands for a folder. */
const isFolderMarker = ({ headers, sizeBytes }: SwiftReply, { folderType }: Site): boolean =>
  headers['content-type']?.split(';')[0] === folderType && (sizeBytes ?? 0) <= 1;

async function rowsOf(
  { request, serve }: Visit,
  prefix: string,
  limit: number,
): Promise<readonly WebRow[]> {
  const query = new Map([
    ['delimiter', '/'],
    ['format', 'json'],
    ['prefix', prefix],
    ['limit', String(limit)],
  ]);
  const got = await serve({ ...request, method: 'GET', object: null, query });
  return got.status === 200 && typeof got.body === 'string'
    ? (JSON.parse(got.body) as WebRow[])
    : [];
}

async function listing(visit: Visit, prefix: string): Promise<SwiftReply> {
  const { site, request } = visit;
  if (!site.hasListings) return errorPage(visit, listingRefused(site));
  const rows = await rowsOf(visit, prefix, 10_000);
  if (rows.length === 0) return errorPage(visit, reply(404));
  const { version, account, container } = request;
  const label = site.label ?? `/${version}/${account}/${container}`;
  return {
    status: 200,
    headers: { 'content-type': 'text/html; charset=UTF-8' },
    body: webListing({ title: `${label}/${prefix}`, prefix, rows, css: cssOf(site, prefix) }),
  };
}

function cssOf({ css }: Site, prefix: string): string | null {
  if (css === null) return null;
  const isAbsolute = /^(https?:\/)?\//.test(css);
  return isAbsolute ? css : '../'.repeat(prefix.split('/').length - 1) + pathQuote(css);
}

function listingRefused({ index }: Site): SwiftReply {
  const [title, text] =
    index === null
      ? [
          'Web Listing Disabled',
          'The owner of this web site has disabled web listing. The header X-Container-Meta-Web-Listings enables it.',
        ]
      : [
          'Index File Not Found',
          `The owner of this web site has not set up its index page. There is no ${index} here.`,
        ];
  const page = `<!DOCTYPE html>\n<html><head><title>${title}</title></head><body><h1>${title}</h1><p>${escapeText(text)}</p></body></html>`;
  return reply(404, page, { 'content-type': 'text/html; charset=UTF-8' });
}

const escapeText = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

/** The site's own page for the status, where there is one. */
async function errorPage(
  { site, request, serve }: Visit,
  refused: SwiftReply,
): Promise<SwiftReply> {
  if (site.error === null) return refused;
  const object = `${refused.status}${site.error}`;
  const { 'x-web-mode': _mode, range: _range, ...headers } = request.headers;
  const page = await serve({
    ...request,
    object,
    method: 'GET',
    headers: { ...headers, 'if-none-match': undefined },
  });
  if (!isFound(page)) return refused;
  return { ...page, status: refused.status };
}
