import { S3Failure } from '../failure.ts';

export type QueryPairs = readonly (readonly [name: string, value: string])[];

const unreserved = /^[A-Za-z0-9_.~-]*$/;

/** Everything but the unreserved characters of RFC 3986, byte by byte: what signatures are made over. */
export function uriEncoded(text: string): string {
  if (unreserved.test(text)) return text;
  return encodeURIComponent(text.toWellFormed()).replace(
    /[!'()*]/g,
    (found) => `%${found.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** The same, with slashes left as they are. */
export const uriPathEncoded = (path: string): string =>
  /^[A-Za-z0-9_.~/-]*$/.test(path) ? path : path.split('/').map(uriEncoded).join('/');

/** What `encoding-type=url` asks for: slashes stay. */
export const listingEncoded = (text: string): string => uriPathEncoded(text);

export function uriDecoded(raw: string): string {
  if (!/[%\u0080-\uffff]/.test(raw)) return raw;
  try {
    // Node hands bytes beyond ASCII on as Latin-1.
    const text = /[\u0080-\uffff]/.test(raw)
      ? new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(raw, 'latin1'))
      : raw;
    return decodeURIComponent(text);
  } catch (cause) {
    throw new S3Failure('InvalidURI', undefined, { fields: { URI: raw.slice(0, 1024) }, cause });
  }
}

/** In the order they came; a name without `=` has an empty value, as signatures see it. */
export function queryParse(raw: string): QueryPairs {
  if (raw === '') return [];
  return raw
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => {
      const at = pair.indexOf('=');
      const [name, value] = at === -1 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + 1)];
      return [queryDecoded(name), queryDecoded(value)] as const;
    });
}

const queryDecoded = (raw: string): string =>
  uriDecoded(raw.includes('+') ? raw.replaceAll('+', ' ') : raw);

export function queryValue(query: QueryPairs, name: string): string | null {
  return query.find(([key]) => key === name)?.[1] ?? null;
}
