import { Failure, forbidden, invalid, notFound } from '../../kernel/errors.ts';
import type { Act } from '../../kernel/task.ts';
import { imageAuthorize, imageSee } from '../image-access.ts';
import { bytesFind } from '../image-download.ts';
import type { Incoming } from '../image-bytes.ts';
import { isReserved, readonlyNames, type Image } from '../image.model.ts';
import type { ImageContext, ImageWorld } from '../image.world.ts';
import { isAttribute } from '../image-edit.ts';
import type { ImportOrder, Remote } from './import-request.ts';
import { webFetch } from './web-fetch.ts';

export type ImportAct = Act<ImageWorld, ImportOrder>;

/** What an image brings along from where it was. */
export type Brought = Pick<Image, 'diskFormat' | 'containerFormat' | 'properties'>;

export interface Source {
  readonly incoming: Incoming;
  readonly brought: Brought | null;
}

export async function sourceOpen(act: ImportAct): Promise<Source> {
  const { world, clock, signal, input } = act;
  const { remote, uri } = input;
  if (remote !== null) {
    return remote.region === world.regions.own
      ? await ownSource(act, remote)
      : await remoteSource(act, remote);
  }
  if (uri === null) throw new Error(`an import by ${input.method} has no source`);
  const rules = world.settings.download;
  const { bytes, sizeBytes } = await webFetch(uri, { rules, clock, signal });
  return { incoming: { bytes, sizeBytes, isOwned: false }, brought: null };
}

/** An image of this cloud is read where it lies, by the rights of who asked. */
async function ownSource(act: ImportAct, { imageId, actor, face }: Remote): Promise<Source> {
  const { world, clock, ids, log } = act;
  if ((await world.regions.endpoint(world.regions.own, face)) === null) {
    throw notFound(`The region ${world.regions.own} has no ${face} image service.`);
  }
  const allows: ImageContext['allows'] = (rule, target = {}) =>
    world.policy.allows(rule, actor, target);
  const context = { world, clock, ids, log, actor, allows };
  const image = await world.db.read(async (tx) => {
    const seen = await imageSee(context, tx, imageId);
    imageAuthorize(context, 'download_image', seen.target);
    return seen.image;
  });
  if (image.status !== 'active') throw invalid(`Image ${imageId} is not active.`);
  const found = await bytesFind(world, imageId);
  if (found === null) throw notFound(`Image ${imageId} has no data.`);
  const { sizeBytes } = found;
  const bytes = found.read({ offset: 0, lengthBytes: sizeBytes });
  return {
    incoming: { bytes, sizeBytes, isOwned: true },
    brought: { ...image, properties: propertiesBrought(world, image.properties) },
  };
}

/**
 * Endpoints are the operator's, not the user's: they may be private. The token is the caller's own; without it (a
 * restart after it was kept too long) the import fails.
 */
async function remoteSource(act: ImportAct, remote: Remote): Promise<Source> {
  const { world, clock, signal } = act;
  const base = await world.regions.endpoint(remote.region, remote.face);
  if (base === null) {
    throw notFound(`The region ${remote.region} has no ${remote.face} image service.`);
  }
  const token = world.regions.open(remote.sealedToken);
  if (token === null) throw forbidden('The token of the import is no longer valid.');
  const port = Number(new URL(base).port || (base.startsWith('https:') ? 443 : 80));
  const rules = { ...world.settings.download, ports: [port], allow: ['0.0.0.0/0', '::/0'] };
  const options = { rules, clock, signal, headers: { 'X-Auth-Token': token } };
  const url = `${base.replace(/\/(v2\/?)?$/, '')}/v2/images/${remote.imageId}`;
  const shown = await webFetch(url, options);
  const fields = await fieldsRead(shown.bytes);
  if (fields['status'] !== 'active') throw invalid(`Image ${remote.imageId} is not active.`);
  const { bytes, sizeBytes } = await webFetch(`${url}/file`, options);
  return {
    incoming: { bytes, sizeBytes, isOwned: false },
    brought: {
      diskFormat: textOf(fields['disk_format']),
      containerFormat: textOf(fields['container_format']),
      properties: propertiesBrought(world, fields),
    },
  };
}

const recordLimitBytes = 1 << 20;

async function fieldsRead(bytes: AsyncIterable<Uint8Array>): Promise<Record<string, unknown>> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of bytes) {
    sizeBytes += chunk.length;
    if (sizeBytes > recordLimitBytes)
      throw new Failure('too_large', 'The image record is too large.');
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>;
  } catch (cause) {
    throw invalid('The other image service answered with no image.', { cause });
  }
}

const textOf = (value: unknown): string | null => (typeof value === 'string' ? value : null);

function propertiesBrought(
  { settings }: ImageWorld,
  fields: Readonly<Record<string, unknown>>,
): Record<string, string> {
  const wanted = Object.entries(fields).filter(
    (pair): pair is [string, string] =>
      typeof pair[1] === 'string' &&
      !isAttribute(pair[0]) &&
      !isReserved(pair[0]) &&
      !readonlyNames.has(pair[0]) &&
      settings.propertiesBrought.some((prefix) => pair[0].startsWith(prefix)),
  );
  return Object.fromEntries(wanted);
}
