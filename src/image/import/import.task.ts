import { causesOf, Failure, notFound } from '../../kernel/errors.ts';
import type { TaskKind } from '../../kernel/task.ts';
import { blobStaged, blobStagedDoom, blobStagedPublish } from '../image-blob.store.ts';
import { blobsReclaim, storeOf } from '../image-blob.ts';
import { bytesStore, type Written } from '../image-bytes.ts';
import { bytesFind } from '../image-download.ts';
import { spareBytesOf } from '../image-quota.ts';
import { isSigned, signatureCheck } from '../image-signature.ts';
import { limitsCheck } from '../image.ts';
import { imageStatusSet, imageUpdate, importingSet } from '../image.store.ts';
import type { ImageWorld } from '../image.world.ts';
import { imageTaskEnd, imageTaskProgress } from './image-task.store.ts';
import { imageConvert } from './import-convert.ts';
import type { ImportOrder } from './import-request.ts';
import { locationTake } from './location.ts';
import { sourceOpen, type Brought, type ImportAct } from './import-source.ts';
import { imageOfImport, importLanding, stagedFind, writtenOf } from './import-staged.ts';

/**
 * An import: the bytes are brought to the staging store, where they are judged, verified and converted; then each store
 * gets its copy; then, in one transaction, they are the image's. Staged bytes and copies belong to nobody until then.
 */
export const importTask: TaskKind<ImageWorld, ImportOrder> = {
  kind: 'image-import',
  steps: [
    { name: 'fetch', run: (act) => settled(act, fetchRun) },
    { name: 'verify', run: (act) => settled(act, verifyRun) },
    { name: 'convert', run: (act) => settled(act, imageConvert) },
    { name: 'store', run: (act) => settled(act, storeRun) },
  ],
  failed: importFailed,
};

/** Nothing is waited for without end: what is not available now makes the import fail, which its user can repeat. */
async function settled(act: ImportAct, run: (act: ImportAct) => Promise<void>): Promise<void> {
  try {
    await run(act);
  } catch (error) {
    if (act.signal.aborted || !(error instanceof Failure)) throw error;
    if (error.kind !== 'unavailable') throw error;
    throw new Failure('invalid', error.message, { cause: error });
  }
}

const isFetched = ({ method }: ImportOrder): boolean =>
  method === 'web-download' || method === 'glance-download';
/** The bytes are brought to the staging store; they are in a store already, or stay where they are. */
const isStaged = ({ method }: ImportOrder): boolean =>
  method !== 'copy-image' && method !== 'location';

async function fetchRun(act: ImportAct): Promise<void> {
  const { world, input, clock, signal } = act;
  await world.db.write((tx) => imageTaskProgress(tx, input.taskId, '', clock.now()));
  if (!isFetched(input)) return;
  const { owner } = await world.db.read((tx) => imageOfImport(tx, input));
  const spareBytes = await spareBytesOf(world, owner);
  const { incoming, brought } = await sourceOpen(act);
  if (brought !== null) await attributesTake(act, brought);
  await bytesStore(world, incoming, {
    ...importLanding(act),
    store: world.staging,
    signal,
    spareBytes,
    // An earlier attempt that died is discarded.
    async claim(tx) {
      const image = await imageOfImport(tx, input);
      await blobStagedDoom(tx, input.imageId);
      return image;
    },
  });
}

async function attributesTake(
  { world, input, clock }: ImportAct,
  { diskFormat, containerFormat, properties }: Brought,
): Promise<void> {
  await world.db.write(async (tx) => {
    const image = await imageOfImport(tx, input);
    const edit = {
      ...image,
      diskFormat,
      containerFormat,
      properties: { ...image.properties, ...properties },
    };
    limitsCheck(edit);
    await imageUpdate(tx, input.imageId, edit, clock.now());
  });
}

/** A signature is over the bytes as they came, so before anything is made of them. */
async function verifyRun(act: ImportAct): Promise<void> {
  const { world, input } = act;
  if (!isStaged(input)) return;
  const blob = await stagedFind(act);
  const image = await world.db.read((tx) => imageOfImport(tx, input));
  if (!isSigned(image)) return;
  const check = signatureCheck(world);
  check.begin(image);
  for await (const chunk of world.staging.read(blob.key, 0, blob.size ?? 0)) {
    check.landing.onChunk(chunk);
  }
  await check.landing.verify();
}

interface Copied {
  readonly written: Written;
  read(): AsyncIterable<Uint8Array>;
}

async function copySource(act: ImportAct): Promise<Copied> {
  const { world, input } = act;
  if (input.method !== 'copy-image') {
    const blob = await stagedFind(act);
    const written = writtenOf(blob);
    return { written, read: () => world.staging.read(blob.key, 0, written.sizeBytes) };
  }
  const image = await world.db.read((tx) => imageOfImport(tx, input));
  const found = await bytesFind(world, input.imageId);
  if (found === null || image.md5 === null || image.sha512 === null) {
    throw notFound(`Image ${input.imageId} has no data.`);
  }
  const { sizeBytes } = found;
  return {
    written: {
      sizeBytes,
      md5: image.md5,
      sha512: image.sha512,
      virtualSizeBytes: image.virtualSizeBytes,
    },
    read: () => found.read({ offset: 0, lengthBytes: sizeBytes }),
  };
}

async function storeRun(act: ImportAct): Promise<void> {
  const { world, input, log } = act;
  if (input.method === 'location') return importEnd(act, await locationTake(act), []);
  const source = await copySource(act);
  const staged = await world.db.read((tx) => blobStaged(tx, input.imageId));
  await spareRequire(act, source.written.sizeBytes);
  const filled = new Set(staged.map(({ store }) => store));
  const failed: string[] = [];
  for (const storeId of input.stores) {
    if (filled.has(storeId)) continue;
    try {
      await storeFill(act, storeId, source);
    } catch (error) {
      if (act.signal.aborted || input.mustAllSucceed) throw error;
      log.warning('an image could not be put into a store', {
        store: storeId,
        causes: causesOf(error),
      });
      failed.push(storeId);
    }
  }
  if (failed.length === input.stores.length) {
    throw new Failure('invalid', 'None of the stores has taken the image.');
  }
  await importEnd(act, source.written, failed);
}

/** Each copy counts. */
async function spareRequire({ world, input }: ImportAct, sizeBytes: number): Promise<void> {
  const { owner } = await world.db.read((tx) => imageOfImport(tx, input));
  const spareBytes = await spareBytesOf(world, owner);
  if (spareBytes === null || sizeBytes * input.stores.length <= spareBytes) return;
  throw new Failure('too_large', 'Image exceeds the storage quota.');
}

async function storeFill(act: ImportAct, storeId: string, source: Copied): Promise<void> {
  const { world, signal } = act;
  const store = storeOf(world, storeId);
  if (store === null) throw notFound(`The selected store ${storeId} is not available.`);
  const { sizeBytes } = source.written;
  const landing = { ...importLanding(act), store, signal, known: source.written };
  await bytesStore(world, { bytes: source.read(), sizeBytes, isOwned: true }, landing);
}

/** All at once: the copies are the image's, the staged bytes nobody's, the lock is gone. */
async function importEnd(
  { world, input, clock }: ImportAct,
  written: Written,
  failedStores: readonly string[],
): Promise<void> {
  const now = clock.now();
  const { imageId, taskId } = input;
  await world.db.write(async (tx) => {
    await imageOfImport(tx, input);
    const stores = input.stores.filter((id) => !failedStores.includes(id));
    await blobStagedPublish(tx, imageId, stores);
    await blobStagedDoom(tx, imageId);
    if (input.method !== 'copy-image') {
      await imageStatusSet(tx, imageId, ['importing'], {
        status: 'active',
        size: written.sizeBytes,
        virtual_size: written.virtualSizeBytes,
        md5: written.md5,
        sha512: written.sha512,
        updated_at: now,
      });
    }
    await importingSet(tx, imageId, taskId, { taskId: null, toStores: [], failedStores });
    const result = JSON.stringify({ image_id: imageId });
    await imageTaskEnd(tx, taskId, { status: 'success', message: '', result }, now);
  });
  await blobsReclaim(world, imageId);
}

/** The image is as it was before, but for bytes that were staged: they are gone. */
async function importFailed(act: ImportAct, error: unknown): Promise<void> {
  const { world, input, clock } = act;
  const { imageId, taskId, stores } = input;
  const now = clock.now();
  const message = error instanceof Error ? error.message : 'The import failed.';
  await world.db.write(async (tx) => {
    const importing = { taskId: null, toStores: [], failedStores: stores };
    if (await importingSet(tx, imageId, taskId, importing)) {
      await blobStagedDoom(tx, imageId);
      await imageStatusSet(tx, imageId, ['importing'], { status: 'queued', updated_at: now });
    }
    await imageTaskEnd(tx, taskId, { status: 'failure', message, result: null }, now);
  });
  await blobsReclaim(world, imageId);
}
