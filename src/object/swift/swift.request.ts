import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Authority } from './authority.model.ts';
import { percentDecodeLax, splitOnce, type Headers, type Place } from './place.ts';
import { headerDecode } from './header-text.ts';
import { refuse } from './swift.reply.ts';

export interface SwiftRequest extends Place {
  readonly method: string;
  /** `v1` or `v1.0`: links keep to it. */
  readonly version: string;
  readonly query: ReadonlyMap<string, string>;
  readonly headers: Headers;
  readonly body: AsyncIterable<Uint8Array>;
  /** Null: the length was not announced. */
  readonly sizeBytes: number | null;
  /** A body in chunks, whose length only its end tells. */
  readonly isChunked: boolean;
  readonly authority: Authority;
  /** `http://host:port` as the client sees it. */
  readonly hostUrl: string;
  /** The path as it came, before it was decoded or mapped from a domain. */
  readonly rawPath: string;
  readonly remoteAddress: string;
  readonly transId: string;
}

/** What the request line and the headers say, before anybody is asked who it is. */
export type RawRequest = Omit<
  SwiftRequest,
  'authority' | 'account' | 'container' | 'object' | 'version'
> & {
  /** Decoded. */
  readonly path: string;
};

/** `/v1/account/container/object...`; null: not of this form. */
export function placeParse(path: string): (Place & { readonly version: string }) | null {
  const match = /^\/([^/]+)\/([^/]+)(?:\/([^/]*)(?:\/(.*))?)?$/s.exec(path);
  if (match === null) return null;
  const [, version = '', account = '', container = '', object = ''] = match;
  if (container === '' && object !== '') return null;
  return { version, account, container: container || null, object: object || null };
}

export function queryParse(text: string): ReadonlyMap<string, string> {
  const query = new Map<string, string>();
  for (const part of text.split('&')) {
    if (part === '') continue;
    const [name, value = ''] = splitOnce(part, '=').map((piece) =>
      percentDecodeLax(piece.replaceAll('+', ' ')),
    );
    if (name === null || name === undefined || value === null) {
      throw refuse(412, 'A parameter is not valid UTF-8.');
    }
    if (!query.has(name)) query.set(name, value);
  }
  return query;
}

/** Node reads headers as Latin-1; Swift's are UTF-8. */
export function headersOf(raw: IncomingHttpHeaders): Headers {
  const headers: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const [name, value] of Object.entries(raw)) {
    if (value === undefined) continue;
    // Of metadata `a_b` and `a-b` are one name, as in every WSGI server.
    const key = /^x-(?:remove-)?(?:account|container|object)-meta-/.test(name)
      ? name.replaceAll('_', '-')
      : name;
    headers[key] = headerDecode(Array.isArray(value) ? value.join(', ') : value);
  }
  return headers;
}

const truths = new Set(['true', '1', 'yes', 'on', 't', 'y']);
/** What Swift takes for true in headers and parameters. */
export const isTrue = (value: string | undefined): boolean =>
  truths.has((value ?? '').trim().toLowerCase());

export const isClientGone = (request: IncomingMessage): boolean => request.destroyed;

/** A request made by ourselves on behalf of another: it has no body and no query of its own unless given. */
export const requestWith = (
  request: SwiftRequest,
  changed: Partial<SwiftRequest>,
): SwiftRequest => ({
  ...request,
  ...changed,
});

// oxlint-disable-next-line require-yield, typescript/require-await
export async function* noBody(): AsyncIterable<Uint8Array> {}

/** Drops what the client announced about its own body. */
export function headersWithout(headers: Headers, names: readonly string[]): Headers {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !names.includes(name)));
}
