import { bytesCompare } from '../container.ts';
import { objectGet } from '../object-get.ts';
import { objectList, versionList, type ObjectPage } from '../object-list.ts';
import type { Container } from '../container.model.ts';
import type { ListedVersion, StoredObject } from '../object.model.ts';
import type { ObjectWorld } from '../object.world.ts';
import { containerNeed } from './access.ts';
import { nameCheck } from './limits.ts';
import {
  listingQuery,
  listingReply,
  rowDate,
  type ListingQuery,
  type ListingRow,
} from './listing.ts';
import { swiftFactsOf } from './object-facts.ts';
import { deleteMarkerType, versionCheck } from './source.ts';
import { containerHeaders } from './swift-container.ts';
import { refuse, type SwiftReply } from './swift.reply.ts';
import { pathQuote } from './place.ts';
import type { SwiftRequest } from './swift.request.ts';

export async function containerRead(
  world: ObjectWorld,
  request: SwiftRequest,
): Promise<SwiftReply> {
  nameCheck(request);
  const { container, grant } = await containerNeed(world, request, {
    place: { ...request, object: null },
    method: request.method,
    acl: 'swift:read',
  });
  const query = listingQuery(request);
  const headers = containerHeaders(container, grant);
  if (request.method === 'HEAD') {
    return { status: 204, headers: { ...headers, 'content-type': query.contentType } };
  }
  const rows = request.query.has('versions')
    ? await versionRows(world, request, container, query)
    : await objectRows(world, request, container, query);
  const shape = request.query.has('versions') ? jsonOnly : query;
  return listingReply({ name: container.name, kind: 'container', rows }, shape, headers);
}

const jsonOnly = { format: 'json', contentType: 'application/json; charset=utf-8' } as const;

const prefixOf = ({ path, prefix }: ListingQuery): string =>
  path === null ? prefix : path === '' ? '' : `${path.replace(/\/+$/, '')}/`;

async function objectRows(
  world: ObjectWorld,
  { version, account }: SwiftRequest,
  container: Container,
  query: ListingQuery,
): Promise<ListingRow[]> {
  const { path, marker, endMarker, isReverse, limit } = query;
  const isFolder = path !== null;
  const delimiter = isFolder ? '/' : query.delimiter;
  const root = `/${version}/${account}/`;
  const page: ObjectPage = await objectList(world, container, {
    prefix: prefixOf(query),
    delimiter,
    marker,
    endMarker,
    isReverse,
    limit,
  });
  const rows: ListingRow[] = [];
  for (const entry of page.entries) {
    // A listing of one folder shows what lies in it, and objects that stand for its folders.
    const object =
      entry.kind === 'object'
        ? entry.object
        : isFolder
          ? await objectGet(world, container, entry.prefix)
          : null;
    if (object !== null) rows.push(objectRow(object, root, pathQuote(container.name)));
    else if (entry.kind === 'prefix' && !isFolder) rows.push({ subdir: entry.prefix });
  }
  return isFolder ? rows.filter((row) => nameOf(row) !== prefixOf(query)) : rows;
}

function objectRow(object: StoredObject, root: string, container: string): ListingRow {
  const { slo, link } = swiftFactsOf(object);
  const sloEtag = slo?.etag ?? link?.sloEtag;
  const kept = object.versionId !== 'null' && link === undefined;
  const linkRoot =
    link?.account === undefined ? root : root.replace(/[^/]+\/$/, `${link.account}/`);
  return {
    name: object.name,
    hash: object.etag,
    bytes: slo?.sizeBytes ?? object.sizeBytes,
    content_type: object.contentType,
    last_modified: rowDate(object.modifiedUs),
    ...(sloEtag !== undefined && { slo_etag: `"${sloEtag}"` }),
    ...(link && { symlink_path: linkRoot + link.target }),
    // Swift keeps a versioned object as a link to its newest version, and clients see that in listings.
    ...(kept && {
      symlink_path: `${root}${container}/${pathQuote(object.name)}?version-id=${object.versionId}`,
      version_symlink: true,
    }),
    ...(link?.etag !== undefined && {
      symlink_etag: link.etag,
      symlink_bytes: link.sizeBytes ?? 0,
    }),
  };
}

async function versionRows(
  world: ObjectWorld,
  request: SwiftRequest,
  container: Container,
  query: ListingQuery,
): Promise<ListingRow[]> {
  const { prefix, delimiter, limit, isReverse, marker } = query;
  const isJson = query.format === 'json';
  const isSaid = request.query.get('format') ?? request.headers['accept'] ?? '*/*';
  if (!isJson && !isSaid.includes('*/*')) throw refuse(406);
  const versionMarker = request.query.get('version_marker');
  if (versionMarker !== undefined) {
    if (!request.query.has('marker')) throw refuse(400, 'version_marker param requires marker');
    if (!/^(null|\d+(\.\d+)?)$/.test(versionMarker))
      throw refuse(400, 'invalid version_marker param');
    versionCheck(container, versionMarker);
  }
  if (/[0-9.\0]/.test(delimiter)) throw refuse(400, 'invalid delimiter param');
  const wanted = isReverse ? allVersions : limit;
  const page = await versionList(world, container, {
    prefix,
    delimiter,
    limit: wanted,
    ...(isReverse ? {} : { marker }),
    ...(versionMarker !== undefined && !isReverse && { versionMarker }),
  });
  const rows = page.entries.map((entry): ListingRow =>
    entry.kind === 'prefix' ? { subdir: entry.prefix } : versionRow(entry.version),
  );
  if (!isReverse) return rows;
  const reversed = rows.toReversed();
  const at = reversed.findIndex(
    (row) => nameOf(row) === marker && 'version_id' in row && row['version_id'] === versionMarker,
  );
  const behind = (row: ListingRow): boolean =>
    marker === '' || bytesCompare(nameOf(row), marker) < 0;
  return (at < 0 ? reversed.filter(behind) : reversed.slice(at + 1)).slice(0, limit);
}

/** A listing backwards is made from all of them. */
const allVersions = 100_000;

const nameOf = (row: ListingRow): string => ('subdir' in row ? String(row.subdir) : row.name);

function versionRow(version: ListedVersion): ListingRow {
  const slo = swiftFactsOf(version).slo;
  return {
    name: version.name,
    version_id: version.versionId,
    is_latest: version.isLatest,
    hash: version.isMarker ? emptyMd5 : version.etag,
    bytes: slo?.sizeBytes ?? version.sizeBytes,
    content_type: version.isMarker ? deleteMarkerType : version.contentType,
    last_modified: rowDate(version.modifiedUs),
  };
}

const emptyMd5 = 'd41d8cd98f00b204e9800998ecf8427e';
