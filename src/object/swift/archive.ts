import { containerGet } from '../container.ts';
import type { Container } from '../container.model.ts';
import { ownKeyOf } from '../data-key.ts';
import { objectCopy } from '../object-copy.ts';
import { objectDelete } from '../object-delete.ts';
import { objectOpen } from '../object-get.ts';
import { objectList } from '../object-list.ts';
import { objectPut } from '../object-put.ts';
import { noFacts, type StoredObject } from '../object.model.ts';
import type { ObjectWorld } from '../object.world.ts';
import { deleteMarkerType } from './source.ts';
import { refuse, timestampText } from './swift.reply.ts';
import type { SwiftRequest } from './swift.request.ts';

/** The older kind of versioning: what is replaced is kept in another container, under a name of its own. */
export interface Archive {
  /** Name of the other container. */
  readonly location: string;
  /** `stack`: a DELETE brings the last one back. `history`: a DELETE is kept as a marker. */
  readonly mode: 'stack' | 'history';
}

export const archiveOf = ({ documents }: Container): Archive | null =>
  (documents['swift:archive'] ?? null) as Archive | null;

/** `00bobject/`: the length of the name in hex, so that no name is another's beginning. */
const prefixOf = (name: string): string =>
  `${Buffer.byteLength(name).toString(16).padStart(3, '0')}${name}/`;

const nameAt = (name: string, us: number): string => prefixOf(name) + timestampText(us);

/** Keeps what a PUT is about to replace. */
export async function archiveBefore(
  world: ObjectWorld,
  { object }: SwiftRequest,
  container: Container,
): Promise<void> {
  const archive = archiveOf(container);
  if (archive !== null) await currentKeep(world, container, object ?? '', archive);
}

async function archiveContainer(
  world: ObjectWorld,
  { account }: Container,
  { location }: Archive,
): Promise<Container> {
  const found = await containerGet(world, account, location);
  if (found === null) throw refuse(412);
  return found;
}

async function currentKeep(
  world: ObjectWorld,
  container: Container,
  name: string,
  archive: Archive,
): Promise<void> {
  using current = await objectOpen(world, container, name);
  if (current === null) return;
  const { contentType, facts, expiresAtMs, modifiedUs, etag } = current.object;
  const key = ownKeyOf(world, current.object);
  await objectCopy(world, await archiveContainer(world, container, archive), {
    source: current,
    name: nameAt(name, modifiedUs),
    contentType,
    facts,
    expiresAtMs,
    etag,
    sourceKey: key,
    key,
  });
}

/**
 * DELETE where an archive is kept. True: the object was replaced by what stood before, and nothing is left to delete.
 */
export async function archiveDelete(
  world: ObjectWorld,
  request: SwiftRequest,
  container: Container,
): Promise<boolean> {
  const archive = archiveOf(container);
  const name = request.object ?? '';
  if (archive === null) return false;
  if (archive.mode === 'history') {
    await currentKeep(world, container, name, archive);
    const kept = await archiveContainer(world, container, archive);
    await objectPut(world, kept, {
      name: nameAt(name, world.ticksUs()),
      body: new Uint8Array(),
      sizeBytes: 0,
      contentType: deleteMarkerType,
      facts: noFacts,
    });
    return false;
  }
  return stackPop(world, request, container, archive);
}

/** True: what was kept last stands again in the object's place. */
async function stackPop(
  world: ObjectWorld,
  { object }: SwiftRequest,
  container: Container,
  archive: Archive,
): Promise<boolean> {
  const name = object ?? '';
  const kept = await containerGet(world, container.account, archive.location);
  if (kept === null) return false;
  const [last, before] = await lastKept(world, kept, name);
  if (last === undefined) return false;
  if (last.contentType !== deleteMarkerType) return restore(world, { container, kept }, name, last);
  // An object over a marker: without it the name is deleted again, as the marker says.
  if (await isThere(world, container, name)) return false;
  if (before !== undefined && before.contentType !== deleteMarkerType) {
    await restore(world, { container, kept }, name, before);
  }
  await objectDelete(world, kept, { name: last.name, promotes: false });
  return true;
}

async function isThere(world: ObjectWorld, container: Container, name: string): Promise<boolean> {
  using found = await objectOpen(world, container, name);
  return found !== null;
}

async function lastKept(
  world: ObjectWorld,
  kept: Container,
  name: string,
): Promise<readonly StoredObject[]> {
  const page = await objectList(world, kept, { prefix: prefixOf(name), isReverse: true, limit: 2 });
  return page.entries.flatMap((entry) => (entry.kind === 'object' ? [entry.object] : []));
}

async function restore(
  world: ObjectWorld,
  { container, kept: archive }: { readonly container: Container; readonly kept: Container },
  name: string,
  { name: keptName }: StoredObject,
): Promise<boolean> {
  using source = await objectOpen(world, archive, keptName);
  if (source === null) return false;
  const { contentType, facts, expiresAtMs, etag } = source.object;
  const key = ownKeyOf(world, source.object);
  const kept = { name, contentType, facts, expiresAtMs, etag };
  await objectCopy(world, container, { ...kept, source, sourceKey: key, key });
  await objectDelete(world, archive, { name: keptName, promotes: false });
  return true;
}
