import { Failure, type FailureKind } from '../../kernel/errors.ts';

export interface SwiftReply {
  readonly status: number;
  /** Lower-case names; values as UTF-8 text. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array | AsyncIterable<Uint8Array>;
  /** Length of a streamed body; absent: sent in chunks. */
  readonly sizeBytes?: number;
  /** Called when the body is sent or nobody wants it. */
  readonly close?: () => void;
}

/** An answer that ends the request wherever it is thrown. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly reply: SwiftReply;

  constructor(reply: SwiftReply, cause?: unknown) {
    super(`answered ${reply.status}`, cause === undefined ? {} : { cause });
    this.reply = reply;
  }
}

/** Titles and texts of the pages that Swift answers with when nothing else is said. */
const pages: Readonly<Record<number, readonly [title: string, text: string]>> = {
  202: ['Accepted', 'The request is accepted for processing.'],
  301: ['Moved Permanently', 'The resource has moved permanently.'],
  307: ['Temporary Redirect', 'The resource has moved temporarily.'],
  400: [
    'Bad Request',
    'The server could not comply with the request since it is either malformed or otherwise incorrect.',
  ],
  401: [
    'Unauthorized',
    'This server could not verify that you are authorized to access the document you requested.',
  ],
  403: ['Forbidden', 'Access was denied to this resource.'],
  404: ['Not Found', 'The resource could not be found.'],
  405: ['Method Not Allowed', 'The method is not allowed for this resource.'],
  406: ['Not Acceptable', 'The resource is not available in a format acceptable to your browser.'],
  408: [
    'Request Timeout',
    'The server has waited too long for the request to be sent by the client.',
  ],
  409: ['Conflict', 'There was a conflict when trying to complete your request.'],
  411: ['Length Required', 'Content-Length header required.'],
  412: ['Precondition Failed', 'A precondition for this request was not met.'],
  413: ['Request Entity Too Large', 'The body of your request was too large for this server.'],
  416: ['Requested Range Not Satisfiable', 'The Range requested is not available.'],
  422: ['Unprocessable Entity', 'Unable to process the contained instructions'],
  499: ['Client Disconnect', 'The client was disconnected during request.'],
  500: [
    'Internal Error',
    'The server has either erred or is incapable of performing the requested operation.',
  ],
  501: ['Not Implemented', 'The requested method is not implemented by this server.'],
  503: [
    'Service Unavailable',
    'The server is currently unavailable. Please try again at a later time.',
  ],
  507: ['Insufficient Storage', 'There was not enough space to save the resource.'],
};

/** `404 Not Found`. */
export const statusLine = (status: number): string =>
  `${status} ${pages[status]?.[0] ?? titles[status] ?? ''}`.trim();

const titles: Readonly<Record<number, string>> = {
  200: 'OK',
  201: 'Created',
  204: 'No Content',
  502: 'Bad Gateway',
};

/** Without the tags where it is the page of the status. */
export const plainText = ({ status, body }: SwiftReply): string =>
  typeof body !== 'string' || body === '' || body.startsWith('<html>')
    ? (pages[status]?.join('\n') ?? '')
    : body;

/** A refusal's own words, for the sums of bulk operations. */
export const textOf = ({ body }: SwiftReply): string => (typeof body === 'string' ? body : '');

const html = 'text/html; charset=UTF-8';

/** Without a text the page that belongs to the status. */
export function reply(
  status: number,
  text: string | null = null,
  headers: Readonly<Record<string, string>> = {},
): SwiftReply {
  if (status === 204 || status === 304)
    return { status, headers: { 'content-type': html, ...headers } };
  const page = pages[status];
  const body =
    text ?? (page === undefined ? '' : `<html><h1>${page[0]}</h1><p>${page[1]}</p></html>`);
  return {
    status,
    headers: { 'content-type': text === null ? html : 'text/plain', ...headers },
    body,
  };
}

export const refuse = (
  status: number,
  text: string | null = null,
  headers: Readonly<Record<string, string>> = {},
  cause?: unknown,
): Refusal => new Refusal(reply(status, text, headers), cause);

const statuses: Readonly<Record<FailureKind, number>> = {
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
  no_capacity: 507,
  not_implemented: 501,
  unavailable: 503,
};

/** What the store's own failures are in Swift's tongue; null: a bug. */
export function failureReply(error: unknown): SwiftReply | null {
  if (error instanceof Refusal) return error.reply;
  if (!(error instanceof Failure)) return null;
  const isPage =
    error.kind === 'not_found' ||
    error.kind === 'no_capacity' ||
    error.type === 'ContainerNotEmpty';
  return reply(statuses[error.kind], isPage ? null : error.message, error.headers);
}

export const json = (
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
): SwiftReply => ({
  status: 200,
  headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
  body: JSON.stringify(value),
});

export const xmlEscape = (text: string): string =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#x27;');

/** `1405636617.97646`. */
export const timestampText = (us: number): string => {
  const seconds = Math.floor(us / 1_000_000);
  const rest = Math.floor((us % 1_000_000) / 10);
  return `${String(seconds).padStart(10, '0')}.${String(rest).padStart(5, '0')}`;
};

/** Rounded up, as Swift does: nothing changed after it. */
export const httpDate = (us: number): string =>
  new Date(Math.ceil(us / 1_000_000) * 1000).toUTCString();

/** `2013-09-03T04:01:32.123450`: what listings show, as exact as `X-Timestamp`. */
export const listingDate = (us: number): string => {
  const micros = String(Math.floor((us % 1_000_000) / 10) * 10).padStart(6, '0');
  return `${new Date(Math.floor(us / 1000)).toISOString().slice(0, 19)}.${micros}`;
};
