import type { Tx } from '../../kernel/db.ts';
import { notFound } from '../../kernel/errors.ts';
import { blobStaged, type Blob } from '../image-blob.store.ts';
import type { Landing, Written } from '../image-bytes.ts';
import type { Image } from '../image.model.ts';
import { stagedComplete } from '../image-upload.ts';
import { imageSelect } from '../image.store.ts';
import type { ImageTables } from '../image.tables.ts';
import type { ImportOrder } from './import-request.ts';
import type { ImportAct } from './import-source.ts';

/** The image, as long as this import is the one it waits for. */
export async function imageOfImport(
  tx: Tx<ImageTables>,
  { imageId, taskId }: ImportOrder,
): Promise<Image> {
  const image = await imageSelect(tx, imageId);
  if (image?.importing?.taskId === taskId) return image;
  throw notFound(`Image ${imageId} no longer waits for this import.`);
}

/** Bytes that this import brings are staged first, wherever they lie. */
export const importLanding = ({
  input,
}: ImportAct): Pick<Landing, 'claim' | 'complete' | 'release'> => ({
  claim: (tx) => imageOfImport(tx, input),
  async complete(tx, blob, written) {
    await imageOfImport(tx, input);
    return stagedComplete(tx, blob, written);
  },
  release: async () => {},
});

/** The staged bytes; an import that has none cannot go on. */
export async function stagedFind({ world, input }: ImportAct): Promise<Blob> {
  const staged = await world.db.read((tx) => blobStaged(tx, input.imageId));
  const blob = staged.findLast(({ store }) => store === world.staging.id);
  if (blob === undefined) throw notFound(`Image ${input.imageId} has no staged data.`);
  return blob;
}

export const writtenOf = ({ size, md5, sha512, virtual_size }: Blob): Written => ({
  sizeBytes: size ?? 0,
  md5: md5 ?? '',
  sha512: sha512 ?? '',
  virtualSizeBytes: virtual_size,
});
