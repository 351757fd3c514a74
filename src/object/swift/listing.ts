import { acceptBest } from './negotiate.ts';
import { limits } from './limits.ts';
import { listingDate, refuse, xmlEscape, type SwiftReply } from './swift.reply.ts';
import { isTrue, type SwiftRequest } from './swift.request.ts';

export type ListingFormat = 'plain' | 'json' | 'xml';

const typesOf = {
  plain: 'text/plain',
  json: 'application/json',
  xml: 'application/xml',
} as const;

/** What a listing of containers or objects asks for. */
export interface ListingQuery {
  readonly format: ListingFormat;
  readonly contentType: string;
  readonly limit: number;
  readonly prefix: string;
  readonly marker: string;
  readonly endMarker: string;
  readonly delimiter: string;
  /** Only what lies directly in this folder; null: not asked. */
  readonly path: string | null;
  readonly isReverse: boolean;
}

export function listingQuery({ query, headers, method }: SwiftRequest): ListingQuery {
  const limitText = query.get('limit') ?? '';
  const limit = /^\d+$/.test(limitText) ? Number(limitText) : limits.listing;
  if (limit > limits.listing) throw refuse(412, `Maximum limit is ${limits.listing}`);
  const format = formatOf(query.get('format'), headers['accept'], method);
  const get = (name: string): string => query.get(name) ?? '';
  return {
    ...format,
    limit,
    prefix: get('prefix'),
    marker: get('marker'),
    endMarker: get('end_marker'),
    delimiter: get('delimiter'),
    path: query.get('path') ?? null,
    isReverse: isTrue(query.get('reverse')),
  };
}

function formatOf(
  wanted: string | undefined,
  accept: string | undefined,
  method: string,
): Pick<ListingQuery, 'format' | 'contentType'> {
  const named = (wanted ?? '').toLowerCase();
  if (named === 'json' || named === 'xml' || named === 'plain') {
    return { format: named, contentType: `${typesOf[named]}; charset=utf-8` };
  }
  if (wanted !== undefined && wanted !== '') {
    return { format: 'plain', contentType: 'text/plain; charset=utf-8' };
  }
  const best = acceptBest(accept, [
    'text/plain',
    'application/json',
    'application/xml',
    'text/xml',
  ]);
  if (best === null) {
    if (method === 'HEAD') return { format: 'plain', contentType: 'text/plain; charset=utf-8' };
    throw refuse(406);
  }
  const format = best === 'text/plain' ? 'plain' : best === 'application/json' ? 'json' : 'xml';
  return { format, contentType: `${best}; charset=utf-8` };
}

/** One line of a listing, its fields in the order they are shown in. */
export type ListingRow =
  | { readonly subdir: string }
  | ({ readonly name: string } & Readonly<Record<string, string | number | boolean>>);

export interface Listing {
  /** Name of the account or container. */
  readonly name: string;
  readonly kind: 'account' | 'container';
  readonly rows: readonly ListingRow[];
}

export function listingReply(
  { name, kind, rows }: Listing,
  { format, contentType }: Pick<ListingQuery, 'format' | 'contentType'>,
  headers: Readonly<Record<string, string>>,
): SwiftReply {
  const shown = { ...headers, 'content-type': contentType };
  if (format === 'json') return { status: 200, headers: shown, body: jsonAscii(rows) };
  if (format === 'xml')
    return { status: 200, headers: shown, body: listingXml({ name, kind, rows }) };
  if (rows.length === 0) return { status: 204, headers: shown };
  const lines = rows.map((row) => ('subdir' in row ? row.subdir : row.name));
  return { status: 200, headers: shown, body: `${lines.join('\n')}\n` };
}

const jsonAscii = (value: unknown): string =>
  JSON.stringify(value).replaceAll(
    /[\u0080-\uffff]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

const xmlFields = {
  account: ['name', 'count', 'bytes', 'last_modified'],
  container: ['name', 'hash', 'bytes', 'content_type', 'last_modified'],
} as const;

function listingXml({ name, kind, rows }: Listing): string {
  const item = kind === 'account' ? 'container' : 'object';
  const lines = rows.map((row) => {
    if ('subdir' in row) {
      const text = xmlEscape(row.subdir as string);
      return kind === 'account'
        ? `<subdir name="${text}" />`
        : `<subdir name="${text}"><name>${text}</name></subdir>`;
    }
    const fields = xmlFields[kind].map(
      (field) =>
        `<${field}>${xmlEscape(String((row as Readonly<Record<string, string | number>>)[field] ?? ''))}</${field}>`,
    );
    return `<${item}>${fields.join('')}</${item}>`;
  });
  const head = '<?xml version="1.0" encoding="UTF-8"?>\n';
  return `${head}<${kind} name="${xmlEscape(name)}">${lines.join('')}</${kind}>`;
}

export const rowDate = listingDate;
