/** Lower-case names; values as UTF-8 text. */
export type Headers = Readonly<Record<string, string | undefined>>;

/** Where a request points: below an account everything may be absent. */
export interface Place {
  readonly account: string;
  readonly container: string | null;
  readonly object: string | null;
}

export const pathOf = ({ account, container, object }: Place, version = 'v1'): string =>
  `/${[version, account, container, object]
    .filter((part) => part !== null)
    .map(pathQuote)
    .join('/')}`;

/** As Python quotes a path: slashes stay. */
export const pathQuote = (text: string): string =>
  encodeURIComponent(text)
    .replaceAll('%2F', '/')
    .replaceAll(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

/** Null: not UTF-8. */
export function percentDecode(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

/** Percent signs that encode nothing stay as they are. */
export function percentDecodeLax(text: string): string | null {
  return percentDecode(text.replaceAll(/%(?![0-9A-Fa-f]{2})/g, '%25'));
}

export function splitOnce(text: string, separator: string): string[] {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + separator.length)];
}
