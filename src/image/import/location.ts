import { createHash, type Hash } from 'node:crypto';
import { conflict, forbidden, invalid } from '../../kernel/errors.ts';
import { imageAuthorize, imageSee } from '../image-access.ts';
import { storeOf } from '../image-blob.ts';
import { blobInsert, blobLive, blobStagedDoom, type Blob } from '../image-blob.store.ts';
import {
  blobGiveUp,
  blobHeld,
  blobNew,
  bytesJudge,
  sizeCheck,
  type Written,
} from '../image-bytes.ts';
import type { ImageContext } from '../image.world.ts';
import type { ImageStore } from '../stores/image-store.ts';
import { uriParse } from './address-guard.ts';
import { importBegin, lockCheck, taskNew, type ExpectedHash } from './import-request.ts';
import type { ImportAct } from './import-source.ts';
import { stagedComplete } from '../image-upload.ts';
import { imageOfImport, importLanding } from './import-staged.ts';

export interface LocationWanted {
  readonly url: string;
  readonly validation_data?: { readonly os_hash_algo?: string; readonly os_hash_value?: string };
}

export interface Location {
  readonly url: string;
  readonly metadata: { readonly store: string };
}

/** For the services of the cloud: where the bytes of an image are. */
export async function locationList(context: ImageContext, id: string): Promise<Location[]> {
  const { world } = context;
  const blobs = await world.db.read(async (tx) => {
    const { target } = await imageSee(context, tx, id);
    imageAuthorize(context, 'fetch_image_location', target);
    return blobLive(tx, id);
  });
  return blobs.flatMap(({ store: storeId, key }) => {
    const store = storeOf(world, storeId);
    return store === null ? [] : [{ url: store.urlOf(key), metadata: { store: storeId } }];
  });
}

/** The image is at an address of the web, and stays there: its bytes are read once, judged and hashed. */
export async function locationAdd(
  context: ImageContext,
  id: string,
  wanted: LocationWanted,
  requestId: string,
): Promise<void> {
  const { world, clock, ids } = context;
  const now = clock.now();
  const taskId = ids.uuid();
  await world.db.write(async (tx) => {
    const { image, target } = await imageSee(context, tx, id);
    if (image.status !== 'queued') {
      throw conflict(`It's not allowed to add locations if image status is ${image.status}.`);
    }
    imageAuthorize(context, 'add_image_location', target);
    const store = world.stores.find(({ type }) => type === 'http');
    if (store === undefined) {
      throw forbidden('http store must be enabled to use location API by normal user.');
    }
    const uri = uriParse(wanted.url, world.settings.download).href.replace(/#.*$/, '');
    lockCheck(image);
    await importBegin(
      tx,
      image,
      {
        taskId,
        imageId: id,
        method: 'location',
        stores: [store.id],
        mustAllSucceed: true,
        uri,
        remote: null,
        expected: expectedOf(wanted),
      },
      {
        ...taskNew(context, requestId, now),
        type: 'location_import',
        input: JSON.stringify({
          image_id: id,
          loc_url: uri,
          validation_data: wanted.validation_data,
        }),
      },
    );
  });
  world.tasks.wake();
}

const lengths: Readonly<Record<string, number>> = { md5: 32, sha1: 40, sha256: 64, sha512: 128 };

function expectedOf({ validation_data: data }: LocationWanted): ExpectedHash | null {
  const { os_hash_algo: algorithm, os_hash_value: hex } = data ?? {};
  if (algorithm === undefined && hex === undefined) return null;
  if (algorithm === undefined || hex === undefined) {
    throw invalid('os_hash_algo and os_hash_value are given together.');
  }
  if (!/^[0-9a-f]*$/i.test(hex) || hex.length !== lengths[algorithm]) {
    throw invalid(`os_hash_value is no ${algorithm} in hexadecimal.`);
  }
  return { algorithm, hex: hex.toLowerCase() };
}

/** Reads the bytes where they are; the blob's row says that they belong to the image, as if they had been copied. */
export async function locationTake(act: ImportAct): Promise<Written> {
  const { world, input } = act;
  const store = storeOf(world, input.stores[0] ?? '');
  if (store === null || input.uri === null) throw invalid('The store of the web is not there.');
  const blobId = world.ids.uuid();
  const blob = {
    ...blobNew(input.imageId, blobId, store.id, world.clock.now()),
    key: `${input.uri}#${blobId}`,
  };
  await world.db.write(async (tx) => {
    await imageOfImport(tx, input);
    // An earlier attempt that died is discarded.
    await blobStagedDoom(tx, input.imageId);
    await blobInsert(tx, blob);
  });
  let written: Written | null = null;
  await blobHeld(world, blob, async (lost) => {
    try {
      written = await locationRead(act, store, blob, AbortSignal.any([lost, act.signal]));
    } catch (error) {
      await blobGiveUp(world, blob, importLanding(act));
      throw error;
    }
  });
  if (written === null) throw new Error('a location was read without an end');
  return written;
}

async function locationRead(
  act: ImportAct,
  store: ImageStore,
  blob: Blob,
  signal: AbortSignal,
): Promise<Written> {
  const { world, input } = act;
  const sizeBytes = await store.sizeOf(blob.key);
  if (sizeBytes === null) throw invalid('The address does not say how many bytes it has.');
  sizeCheck(world, sizeBytes);
  const [md5, sha512] = [createHash('md5'), createHash('sha512')];
  const { expected } = input;
  const given: Hash | null = expected === null ? null : createHash(expected.algorithm);
  for await (const chunk of store.read(blob.key, 0, sizeBytes)) {
    if (signal.aborted) throw new Error('the import was interrupted');
    for (const hash of [md5, sha512, given]) hash?.update(chunk);
  }
  if (given !== null && given.digest('hex') !== expected?.hex) {
    throw invalid('The bytes are not those of the hash that was given.');
  }
  const image = await world.db.read((tx) => imageOfImport(tx, input));
  const digests = { sizeBytes, md5: md5.digest('hex'), sha512: sha512.digest('hex') };
  const written = await bytesJudge(image, store, blob.key, digests);
  await world.db.write(async (tx) => {
    await imageOfImport(tx, input);
    if (!(await stagedComplete(tx, blob, written))) throw invalid('The import was given up.');
  });
  return written;
}
