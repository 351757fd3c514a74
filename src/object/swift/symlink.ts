import type { ObjectWorld } from '../object.world.ts';
import { swiftFactsOf, type SymbolicLink } from './object-facts.ts';
import { segmentRequest } from './segments.ts';
import { linkPlace, sourceOpen } from './source.ts';
import { Refusal, refuse } from './swift.reply.ts';
import { pathOf, pathQuote, percentDecodeLax, splitOnce } from './place.ts';
import type { SwiftRequest } from './swift.request.ts';

export interface WantedLink {
  readonly link: SymbolicLink;
  /** The target's, for a static link that names none. */
  readonly contentType: string | null;
}

/** `X-Symlink-Target` of a PUT; null: no link is wanted. */
export async function linkWanted(
  world: ObjectWorld,
  request: SwiftRequest,
  isPeer: boolean,
): Promise<WantedLink | null> {
  const { headers, sizeBytes } = request;
  const text = headers['x-symlink-target'];
  if (text === undefined || text === '') return null;
  if (sizeBytes !== 0) throw refuse(400, 'Symlink requests require a zero byte body');
  const target = targetParse(text);
  const named = headers['x-symlink-target-account'];
  const account = named === undefined ? null : accountParse(named);
  const place = linkPlace(target, account ?? pathQuote(request.account));
  if (pathOf(place) === pathOf(request)) throw refuse(400, 'Symlink cannot target itself');
  const etag = headers['x-symlink-target-etag'];
  const wantsEtag = etag !== undefined && etag !== '';
  if (wantsEtag && /[;"\\]/.test(unquoted(etag)))
    throw refuse(400, 'Bad X-Symlink-Target-Etag format');
  const link: SymbolicLink = {
    target,
    ...(account !== null && { account }),
  };
  if (isPeer && wantsEtag) return peerLink(link, request.headers);
  if (!wantsEtag) return { link, contentType: 'application/symlink' };
  return staticLink(world, request, link, unquoted(etag));
}

/** A peer has looked at the target; here it may come later. */
const peerLink = (link: SymbolicLink, headers: SwiftRequest['headers']): WantedLink => ({
  link: {
    ...link,
    etag: unquoted(headers['x-symlink-target-etag'] ?? ''),
    sizeBytes: Number(headers['x-symlink-target-bytes'] ?? 0) || 0,
  },
  contentType: null,
});

const unquoted = (tag: string): string => tag.replace(/^"(.*)"$/, '$1');

/** `container/object`, quoted in one way. */
function targetParse(text: string): string {
  const decoded = percentDecodeLax(text) ?? '';
  const [container = '', object = ''] = splitOnce(decoded.replace(/^\//, ''), '/');
  if (container === '' || object === '' || decoded.startsWith('//')) {
    throw refuse(412, 'X-Symlink-Target header must be of the form <container name>/<object name>');
  }
  return pathQuote(`${container}/${object}`);
}

function accountParse(text: string): string {
  const decoded = percentDecodeLax(text) ?? '';
  if (decoded === '' || decoded.includes('/')) {
    throw refuse(412, 'Account name cannot contain slashes');
  }
  return pathQuote(decoded);
}

async function staticLink(
  world: ObjectWorld,
  request: SwiftRequest,
  link: SymbolicLink,
  etag: string,
): Promise<WantedLink> {
  const place = linkPlace(link.target, link.account ?? pathQuote(request.account));
  const location = { 'content-location': pathOf(place) };
  const asking = { ...segmentRequest(request), method: 'HEAD' };
  try {
    const target = await sourceOpen(world, asking, { place, isLinkMeant: true });
    target.close();
    const { object } = target;
    const inner = swiftFactsOf(object).link;
    const shown = inner?.etag ?? object.etag;
    if (shown !== etag) {
      throw refuse(
        409,
        `Object Etag '${shown}' does not match X-Symlink-Target-Etag header '${etag}'`,
        location,
      );
    }
    const sizeBytes = inner?.sizeBytes ?? swiftFactsOf(object).slo?.sizeBytes ?? object.sizeBytes;
    const sloEtag = inner?.sloEtag ?? swiftFactsOf(object).slo?.etag;
    return {
      link: { ...link, etag, sizeBytes, ...(sloEtag !== undefined && { sloEtag }) },
      contentType: object.contentType,
    };
  } catch (error) {
    if (!(error instanceof Refusal) || error.reply.status !== 404) throw error;
    throw refuse(409, 'X-Symlink-Target does not exist', location);
  }
}

/** Metadata of the target is not changed through a link: the client is told where it is. */
export function linkPosted(link: SymbolicLink, account: string, version: string): Refusal {
  const place = linkPlace(link.target, link.account ?? pathQuote(account));
  return refuse(
    307,
    'The requested POST was applied to a symlink. POST directly to the target to apply requested metadata.',
    {
      location: pathOf(place, version),
      ...(link.etag !== undefined && { 'x-symlink-target-etag': link.etag }),
    },
  );
}
