import { causesOf, Failure } from '../../kernel/errors.ts';
import type { Reconciler } from '../../kernel/reconciler.ts';
import type { Container } from '../container.model.ts';
import { ownKeyOf } from '../data-key.ts';
import { eventDelay, eventDone, eventsAppend, eventsDue, type QueuedEvent } from '../event.ts';
import { followedOf, followOf, followTopic, walkEvent } from '../follow.ts';
import { objectOpen, type OpenObject } from '../object-get.ts';
import { objectList } from '../object-list.ts';
import type { ObjectWorld } from '../object.world.ts';
import { shardOf } from '../shard.ts';
import { containerById } from '../store/container.store.ts';
import { headerEncode } from './header-text.ts';
import { headersOfLink, headersOfObject, swiftFactsOf } from './object-facts.ts';
import { pathQuote } from './place.ts';
import { timestampText } from './swift.reply.ts';
import { syncPlace, syncSignature, type SyncPlace } from './sync.ts';

const batchSize = 100;
const answerMs = 60_000;
const delayLeastMs = 5_000;
const delayMostMs = 3_600_000;
/** A peer that does not answer for so long has left. */
const keptMs = 7 * 86_400_000;

/** What the other side said, and it was not what was asked for. */
class PeerRefused extends Error {
  override readonly name = 'PeerRefused';
}

/** Sends what changed in containers with `X-Container-Sync-To`, until the other side has it. One that does not answer is asked once a run. */
export const syncReconciler = (world: ObjectWorld): Reconciler => ({
  name: 'swift-sync',
  everyMs: 3_000,
  async run(signal) {
    const silent = new Set<string>();
    while (!signal.aborted) {
      const events = await eventsDue(world, followTopic, batchSize);
      for (const event of events) {
        if (signal.aborted) return;
        await eventFollow(world, event, { silent, signal });
      }
      if (events.length < batchSize) return;
    }
  },
});

async function eventFollow(
  world: ObjectWorld,
  event: QueuedEvent,
  { silent, signal }: { readonly silent: Set<string>; readonly signal: AbortSignal },
): Promise<void> {
  const followed = followedOf(event);
  const ageMs = world.clock.now() - followed.atUs / 1000;
  const later = (): Promise<void> =>
    eventDelay(world, event, Math.min(Math.max(ageMs, delayLeastMs), delayMostMs));
  let peer: Peer | null = null;
  try {
    peer = await peerOf(world, followed.containerId, signal);
    if (peer !== null && silent.has(peer.place.url)) return await later();
    // Not followed any more, gone, or to where the operator does not let it go.
    if (peer !== null && 'name' in followed)
      await nameSend(world, peer, followed.name, followed.atUs);
    else if (peer !== null && 'behind' in followed) await pageSend(world, peer, followed.behind);
    await eventDone(world, event);
  } catch (error) {
    if (signal.aborted) return;
    world.log.warning('a container could not be synchronised', { causes: causesOf(error) });
    if (peer !== null && !(error instanceof PeerRefused)) silent.add(peer.place.url);
    await (ageMs > keptMs ? eventDone(world, event) : later());
  }
}

interface Peer {
  readonly container: Container;
  readonly place: SyncPlace;
  readonly key: string;
  readonly signal: AbortSignal;
}

async function peerOf(world: ObjectWorld, id: number, signal: AbortSignal): Promise<Peer | null> {
  const container = await shardOf(world, id)
    .read((tx) => containerById(tx, id))
    .catch((error: unknown) => {
      if (error instanceof Failure && error.kind === 'not_found') return null;
      throw error;
    });
  if (container === null) return null;
  const { to = '', key = '' } = followOf(container);
  const place = to === '' || key === '' ? null : syncPlace(world, to);
  return place === null ? null : { container, place, key, signal };
}

/** What was there when following began; the rest of it is another event. */
async function pageSend(world: ObjectWorld, peer: Peer, behind: string): Promise<void> {
  const { container } = peer;
  const page = await objectList(world, container, { marker: behind, limit: batchSize });
  const names = page.entries.flatMap((entry) =>
    entry.kind === 'object' ? [entry.object.name] : [],
  );
  for (const name of names) await nameSend(world, peer, name, 0);
  const last = names.at(-1);
  if (!page.isTruncated || last === undefined) return;
  const next = walkEvent(container.id, last, world.ticksUs());
  await shardOf(world, container.id).write((tx) => eventsAppend(tx, world, [next]));
}

/** The name as it is now, whatever happened to it since. */
async function nameSend(world: ObjectWorld, peer: Peer, name: string, atUs: number): Promise<void> {
  using opened = await objectOpen(world, peer.container, name);
  if (opened !== null) return objectSend(world, peer, opened);
  if (atUs === 0) return;
  const deleted = await ask(world, peer, { method: 'DELETE', name, atUs });
  // A newer one may be there: it comes from elsewhere.
  if (!deleted.ok && deleted.status !== 404 && deleted.status !== 409) throw answered(deleted);
}

async function objectSend(world: ObjectWorld, peer: Peer, opened: OpenObject): Promise<void> {
  const { object } = opened;
  const { name, modifiedUs: atUs, sizeBytes } = object;
  const there = await ask(world, peer, { method: 'HEAD', name, atUs });
  if (!there.ok && there.status !== 404) throw answered(there);
  const thereText = there.headers.get('x-timestamp') ?? '0';
  if (there.ok && Number(thereText) >= Number(timestampText(atUs))) return;
  if (object.facts.encryption !== undefined && isCustomers(world, opened)) return;
  const { link } = swiftFactsOf(object);
  const {
    'last-modified': _at,
    'x-timestamp': _time,
    'accept-ranges': _ranges,
    etag,
    ...headers
  } = {
    ...headersOfObject(object),
    ...(link && headersOfLink(link)),
  };
  // Of an upload in parts it is no MD5.
  const tag = etag?.includes('-') === true ? {} : { etag: etag ?? '' };
  const sent = await ask(world, peer, {
    method: 'PUT',
    name,
    atUs,
    headers: { ...headers, ...tag, 'content-length': String(sizeBytes) },
    body: sizeBytes === 0 ? null : opened.read(null, ownKeyOf(world, object)),
  });
  if (!sent.ok) throw answered(sent);
}

/** What is encrypted with a key that is not ours cannot be read, and never will be. */
function isCustomers(world: ObjectWorld, { object }: OpenObject): boolean {
  try {
    ownKeyOf(world, object);
    return false;
  } catch (error) {
    if (error instanceof Failure) return true;
    throw error;
  }
}

const answered = ({ status, url }: Response): Error => new PeerRefused(`${url} answered ${status}`);

interface Asked {
  readonly method: 'HEAD' | 'PUT' | 'DELETE';
  readonly name: string;
  readonly atUs: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: AsyncIterable<Uint8Array> | null;
}

async function ask(
  world: ObjectWorld,
  { place, key, signal }: Peer,
  { method, name, atUs, headers = {}, body = null }: Asked,
): Promise<Response> {
  const url = `${place.url}/${pathQuote(name)}`;
  // Of a link the link itself is meant.
  const query = method === 'HEAD' ? '?symlink=get' : '';
  const timestamp = timestampText(atUs);
  const answer = await fetch(url + query, {
    method,
    headers: {
      ...Object.fromEntries(Object.entries(headers).map(([k, v]) => [k, headerEncode(v)])),
      ...credentials(world, place, { method, url, timestamp, key }),
      'X-Timestamp': timestamp,
    },
    ...(body !== null && { body: ReadableStream.from(body), duplex: 'half' }),
    redirect: 'error',
    signal: AbortSignal.any([signal, AbortSignal.timeout(answerMs)]),
  } as RequestInit);
  await answer.body?.cancel();
  return answer;
}

function credentials(
  { ids }: ObjectWorld,
  { realm }: SyncPlace,
  { method, url, timestamp, key }: Readonly<Record<'method' | 'url' | 'timestamp' | 'key', string>>,
): Readonly<Record<string, string>> {
  if (realm === null) return { 'X-Container-Sync-Key': headerEncode(key) };
  const nonce = ids.hex();
  const claim = { method, path: new URL(url).pathname, timestamp, nonce };
  const signature = syncSignature(claim, realm.key, key);
  return { 'X-Container-Sync-Auth': `${realm.name} ${nonce} ${signature}` };
}
