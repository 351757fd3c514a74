import { flatText } from '../kernel/flat-text.ts';
import type { Reply } from '../kernel/http/endpoint.ts';
import type { IdentityContext } from './identity.world.ts';
import type { Page } from './listing.ts';

/** `https://cloud/identity/v3/users/123` */
export const linkTo = ({ baseUrl }: IdentityContext, path: string): string =>
  flatText(baseUrl, '/v3', path);

export const selfLink = (context: IdentityContext, path: string): { self: string } => ({
  self: linkTo(context, path),
});

export interface Listed<Item> {
  readonly key: string;
  /** Below `/v3`: where the list is. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly page: Page<Item>;
  readonly view: (item: Item) => unknown;
}

export function listReply<Item>(
  context: IdentityContext,
  { key, path, query, page, view }: Listed<Item>,
): Reply {
  const { items, nextMarker } = page;
  const at = (search: URLSearchParams): string => {
    const text = search.toString();
    return linkTo(context, text === '' ? path : `${path}?${text}`);
  };
  const next = new URLSearchParams(query);
  if (nextMarker !== null) next.set('marker', nextMarker);
  return {
    status: 200,
    body: {
      [key]: items.map(view),
      links: { next: nextMarker === null ? null : at(next), self: at(query), previous: null },
    },
  };
}

export const noContent: Reply = { status: 204 };

/** What a client stored beside the attributes we know. */
export function extraOf(
  body: Readonly<Record<string, unknown>>,
  known: readonly string[],
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(body).filter(([key]) => key !== 'links' && key !== 'id' && !known.includes(key)),
  );
}
