import type { ObjectWorld } from '../object.world.ts';
import { keptHeaders, headersOfObject, swiftFactsOf, type SymbolicLink } from './object-facts.ts';
import { limits } from './limits.ts';
import { manifestRaw, manifestRead } from './slo-manifest.ts';
import { objectWrite } from './object-write.ts';
import { manifestPut } from './slo-write.ts';
import { conditionStatus, rangesParse } from './range.ts';
import type { Source } from './source.model.ts';
import { sourceOpen } from './source.ts';
import { refuse, type SwiftReply } from './swift.reply.ts';
import { pathQuote, percentDecodeLax, splitOnce, type Headers, type Place } from './place.ts';
import { headersWithout, isTrue, noBody, type SwiftRequest } from './swift.request.ts';

/** `COPY` is a PUT at another place that names this one as its source. */
export async function objectCopyTo(world: ObjectWorld, request: SwiftRequest): Promise<SwiftReply> {
  const { headers, account, container, object } = request;
  const destination = headers['destination'];
  if (!destination) throw refuse(412, 'Destination header required');
  const target = headers['destination-account'];
  const place = placeOf(
    destination,
    target === undefined ? account : accountOf(target),
    'Destination header must be of the form <container name>/<object name>',
  );
  const source: Place = { account, container, object };
  const rest = headersWithout(headers, ['destination', 'destination-account', 'x-copy-from']);
  return copy(world, { ...request, ...place, method: 'PUT', headers: rest }, source);
}

/** `PUT` with `X-Copy-From`. */
export async function objectCopyFrom(
  world: ObjectWorld,
  request: SwiftRequest,
): Promise<SwiftReply> {
  const { headers, account } = request;
  const from = headers['x-copy-from-account'];
  const source = placeOf(
    headers['x-copy-from'] ?? '',
    from === undefined ? account : accountOf(from),
    'X-Copy-From header must be of the form <container name>/<object name>',
  );
  return copy(world, request, source);
}

function placeOf(text: string, account: string, fault: string): Place {
  const path = (percentDecodeLax(text) ?? '').replace(/^\//, '');
  const [container = '', object = ''] = splitOnce(path, '/');
  if (container === '' || object === '') throw refuse(412, fault);
  return { account, container, object };
}

function accountOf(text: string): string {
  const account = percentDecodeLax(text) ?? '';
  if (account === '') throw refuse(412, 'Account name cannot be empty');
  if (account.includes('/')) throw refuse(412, 'Account name cannot contain slashes');
  return account;
}

async function copy(world: ObjectWorld, request: SwiftRequest, place: Place): Promise<SwiftReply> {
  if ((request.sizeBytes ?? 0) > 0 || request.isChunked) {
    throw refuse(400, 'Copy requests require a zero byte body');
  }
  const { query } = request;
  const isManifestMeant = query.get('multipart-manifest') === 'get';
  const source = await sourceOpen(
    world,
    { ...request, method: 'GET', body: noBody() },
    {
      place,
      versionId: query.get('version-id') ?? null,
      isLinkMeant: query.get('symlink') === 'get',
      isManifestMeant,
    },
  );
  try {
    const done = await copyOpened(world, request, source, isManifestMeant);
    return { ...done, headers: { ...done.headers, ...copiedHeaders(place, source, request) } };
  } finally {
    source.close();
  }
}

async function copyOpened(
  world: ObjectWorld,
  request: SwiftRequest,
  source: Source,
  isManifestMeant: boolean,
): Promise<SwiftReply> {
  const status = conditionStatus(headersWithout(request.headers, ['if-none-match']), source, 'PUT');
  if (status !== null) throw refuse(status);
  if (source.sizeBytes > limits.maxFileBytes) throw refuse(413);
  const { slo, dlo, link } = swiftFactsOf(source.object);
  const headers = { ...headersFor(request.headers, source), ...linkHeaders(request.headers, link) };
  if (isManifestMeant && slo !== undefined) {
    const manifest = JSON.stringify(manifestRaw(await manifestRead(source.read(null))));
    return manifestPut(world, { ...request, ...bodyOf(Buffer.from(manifest)), headers });
  }
  const swift = isManifestMeant && dlo !== undefined ? { dlo } : {};
  const part = rangesParse(request.headers['range'], source.sizeBytes);
  const [only] = part ?? [];
  if (part !== null && only === undefined) throw refuse(416);
  if (only === undefined || part?.length !== 1) {
    return objectWrite(
      world,
      { ...request, headers, sizeBytes: source.sizeBytes },
      { copied: source, swift },
    );
  }
  return objectWrite(
    world,
    { ...request, headers, body: source.read(only), sizeBytes: only.last - only.first + 1 },
    { swift },
  );
}

/** A link is put again: it may be told to lead to another account, and a static one is held against its target. */
const linkHeaders = (asked: Headers, link: SymbolicLink | undefined): Headers => {
  if (link === undefined) return {};
  const account = asked['x-symlink-target-account'] ?? link.account;
  return {
    'x-symlink-target': link.target,
    ...(account !== undefined && { 'x-symlink-target-account': account }),
    ...(link.etag !== undefined && { 'x-symlink-target-etag': link.etag }),
  };
};

const bodyOf = (bytes: Uint8Array): Pick<SwiftRequest, 'body' | 'sizeBytes'> => ({
  // oxlint-disable-next-line typescript/require-await
  body: (async function* body() {
    yield bytes;
  })(),
  sizeBytes: bytes.length,
});

/** What the copy is told: the source's metadata, unless fresh ones are wanted, under what the request says. */
function headersFor(asked: Headers, { object, headers: shown }: Source): Headers {
  const own = headersWithout(asked, [
    'x-copy-from',
    'x-copy-from-account',
    'x-fresh-metadata',
    'range',
    'if-match',
    'if-modified-since',
    'if-unmodified-since',
    'content-length',
    'x-symlink-target',
  ]);
  const type = { 'content-type': asked['content-type'] || (shown['content-type'] ?? '') };
  if (isTrue(asked['x-fresh-metadata'])) return { ...own, ...type };
  const inherited = Object.fromEntries(
    Object.entries(headersOfObject(object)).filter(
      ([name]) =>
        name.startsWith('x-object-meta-') ||
        name === 'x-delete-at' ||
        keptHeaders.some((kept) => kept === name),
    ),
  );
  const { 'x-delete-at': at, ...rest } = inherited;
  const isExpirySaid = asked['x-delete-after'] !== undefined || asked['x-delete-at'] !== undefined;
  return {
    ...rest,
    ...(at !== undefined && !isExpirySaid && { 'x-delete-at': at }),
    ...own,
    ...type,
  };
}

function copiedHeaders(
  place: Place,
  { headers, object }: Source,
  request: SwiftRequest,
): Record<string, string> {
  const version = headers['x-object-version-id'];
  const kept = headersFor(request.headers, { headers, object } as Source);
  const shown = Object.entries(kept).filter(
    ([name]) => name.startsWith('x-object-meta-') || name === 'x-delete-at',
  );
  return {
    'x-copied-from-account': pathQuote(place.account),
    'x-copied-from': pathQuote(`${place.container ?? ''}/${place.object ?? ''}`),
    'x-copied-from-last-modified': headers['last-modified'] ?? '',
    ...(version !== undefined && { 'x-copied-from-version-id': version }),
    ...(Object.fromEntries(shown) as Record<string, string>),
  };
}
