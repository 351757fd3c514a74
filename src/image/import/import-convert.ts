import type { Tx } from '../../kernel/db.ts';
import { Failure } from '../../kernel/errors.ts';
import { blobDoom, blobInsert, blobVirtualSizeSet, type Blob } from '../image-blob.store.ts';
import {
  blobGiveUp,
  blobHeld,
  blobNew,
  bytesJudge,
  digestsRead,
  sizeCheck,
  type Written,
} from '../image-bytes.ts';
import type { Image } from '../image.model.ts';
import { stagedComplete } from '../image-upload.ts';
import { imageUpdate } from '../image.store.ts';
import type { ImageTables } from '../image.tables.ts';
import type { Converter, ImageWorld } from '../image.world.ts';
import { imageTaskProgress } from './image-task.store.ts';
import type { ImportAct } from './import-source.ts';
import { imageOfImport, importLanding, stagedFind, writtenOf } from './import-staged.ts';

/** Formats that hold a disk. Others (an ISO, a kernel) stay what they are. */
const disks: ReadonlySet<string> = new Set(['raw', 'qcow2', 'vmdk', 'vhd', 'vhdx', 'vdi']);

/**
 * Makes of the staged bytes what hosts run. The converter only sees bytes that were judged to be what they claim and
 * to name no other file, and is told their format.
 */
export async function imageConvert(act: ImportAct): Promise<void> {
  const { world, input } = act;
  const { converter } = world;
  const image = await world.db.read((tx) => imageOfImport(tx, input));
  if (input.method === 'copy-image' || input.method === 'location') return;
  const source = await sourceJudge(world, image, await stagedFind(act));
  const { diskFormat, containerFormat } = image;
  const isDisk = containerFormat === 'bare' && disks.has(diskFormat ?? '');
  if (converter === null || !isDisk || diskFormat === converter.format) return;
  // A few bytes can claim a disk that would keep the converter busy for an hour.
  sizeCheck(world, source.virtual_size ?? 0);
  const blob = blobNew(input.imageId, world.ids.uuid(), world.staging.id, world.clock.now());
  await world.db.write(async (tx) => {
    await imageOfImport(tx, input);
    await blobInsert(tx, blob);
  });
  await blobHeld(world, blob, async (lost) => {
    const signal = AbortSignal.any([lost, act.signal]);
    try {
      const written = await convertedMake(act, { image, source, blob, converter }, signal);
      await world.db.write((tx) => convertedTake(tx, act, { source, blob, written }));
    } catch (error) {
      await blobGiveUp(world, blob, importLanding(act));
      throw error;
    }
  });
}

/** Staged bytes may have been judged before their format was named. */
async function sourceJudge(world: ImageWorld, image: Image, blob: Blob): Promise<Blob> {
  const { virtualSizeBytes } = await bytesJudge(image, world.staging, blob.key, writtenOf(blob));
  await world.db.write((tx) => blobVirtualSizeSet(tx, blob.id, virtualSizeBytes));
  return { ...blob, virtual_size: virtualSizeBytes };
}

interface Converting {
  readonly image: Image;
  readonly source: Blob;
  readonly blob: Blob;
}

async function convertedMake(
  { world, input, clock }: ImportAct,
  { image, source, blob, converter }: Converting & { readonly converter: Converter },
  signal: AbortSignal,
): Promise<Written> {
  const { staging } = world;
  const targetPath = await staging.partPathMake(blob.key);
  let shown = -1;
  let told = Promise.resolve();
  const progress = (percent: number): void => {
    const tens = Math.floor(percent / 10) * 10;
    if (tens === shown) return;
    shown = tens;
    const message = `converting to ${converter.format}: ${tens} %`;
    // Only told: the next one comes soon.
    const tell = () =>
      world.db.write((tx) => imageTaskProgress(tx, input.taskId, message, clock.now()));
    told = told.then(tell).catch(() => {});
  };
  const conversion = {
    sourcePath: staging.pathOf(source.key),
    sourceFormat: image.diskFormat ?? 'raw',
    targetPath,
    virtualSizeBytes: source.virtual_size ?? source.size ?? 0,
  };
  try {
    await converter.convert(conversion, signal, progress);
  } finally {
    await told;
  }
  await staging.seal(blob.key);
  return convertedRead(world, blob, converter);
}

/** What came out is judged as strictly as what comes in: a disk can hold the beginning of another format. */
async function convertedRead(
  { staging }: ImageWorld,
  { key }: Blob,
  { format }: Converter,
): Promise<Written> {
  const sizeBytes = await staging.sizeOf(key);
  if (sizeBytes === null) throw new Failure('invalid', 'The image could not be converted.');
  const digests = await digestsRead(staging.read(key, 0, sizeBytes));
  return bytesJudge({ diskFormat: format, containerFormat: 'bare' }, staging, key, digests);
}

async function convertedTake(
  tx: Tx<ImageTables>,
  { world, input, clock }: ImportAct,
  { source, blob, written }: Omit<Converting, 'image'> & { readonly written: Written },
): Promise<void> {
  const image = await imageOfImport(tx, input);
  if (!(await stagedComplete(tx, blob, written))) {
    throw new Failure('invalid', 'The conversion was given up.');
  }
  await blobDoom(tx, source.id);
  const diskFormat = world.converter?.format ?? image.diskFormat;
  await imageUpdate(tx, input.imageId, { ...image, diskFormat }, clock.now());
}
