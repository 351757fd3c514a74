/**
 * Disks of one server, in its directory: `disk-<id>.<revision>.<format>`. The name is the whole record: a file with that
 * name is complete, because it is made under another one.
 */
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { DiskWanted } from '../api.ts';
import { commandRun } from '../command.ts';
import { AgentFailure } from '../failure.ts';
import { asNoSpace, fileReplace } from './files.ts';
import { qcow2FileRead, type ImageCache } from './images.ts';
import { qcow2Empty } from './qcow2.ts';

export interface DiskBuilt {
  readonly id: string;
  readonly revision: number;
  readonly format: 'raw' | 'qcow2';
  readonly path: string;
  readonly virtualSizeBytes: number;
  /** File of the image it is built on. */
  readonly backingPath: string | null;
}

export interface DiskBuilder {
  readonly images: ImageCache;
  readonly owner: { readonly uid: number; readonly gid: number };
}

const namePattern = /^disk-([A-Za-z0-9_-]+)\.(\d+)\.(raw|qcow2)$/;
const mibBytes = 2 ** 20;

/** Removes what was half made, and tells what is there. */
export async function disksSee(directory: string): Promise<readonly DiskBuilt[]> {
  const built: DiskBuilt[] = [];
  for (const name of await readdir(directory)) {
    const path = join(directory, name);
    if (name.startsWith('disk-') && name.endsWith('.tmp')) await rm(path, { force: true });
    const [, id, revision, format] = namePattern.exec(name) ?? [];
    if (id === undefined) continue;
    built.push({ id, revision: Number(revision), ...(await diskRead(path, format ?? 'raw')) });
  }
  return built;
}

async function diskRead(path: string, format: string): Promise<Omit<DiskBuilt, 'id' | 'revision'>> {
  if (format !== 'qcow2') {
    return { path, format: 'raw', virtualSizeBytes: (await stat(path)).size, backingPath: null };
  }
  const header = await qcow2FileRead(path);
  // What cannot be read is never replaced: it counts as too small, and the attempt to grow it says what is wrong.
  const { virtualSizeBytes, backingPath } = header ?? { virtualSizeBytes: 0, backingPath: null };
  return { path, format: 'qcow2', virtualSizeBytes, backingPath };
}

export const diskOf = (
  built: readonly DiskBuilt[],
  { id, revision }: DiskWanted,
): DiskBuilt | null => built.find((one) => one.id === id && one.revision === revision) ?? null;

export const areDisksBuilt = (
  wanted: readonly DiskWanted[],
  built: readonly DiskBuilt[],
): boolean =>
  built.length === wanted.length &&
  wanted.every((one) => (diskOf(built, one)?.virtualSizeBytes ?? -1) >= one.sizeMib * mibBytes);

/** Makes, grows and removes until the disks are those wanted. No process may have them open. */
export async function disksBuild(
  builder: DiskBuilder,
  directory: string,
  wanted: readonly DiskWanted[],
): Promise<readonly DiskBuilt[]> {
  const built = await disksSee(directory);
  for (const disk of wanted) {
    const known = diskOf(built, disk);
    if (known === null) await diskMake(builder, directory, disk);
    else if (known.virtualSizeBytes < disk.sizeMib * mibBytes) await diskGrow(builder, known, disk);
  }
  for (const disk of built) {
    const isWanted = wanted.some((one) => one.id === disk.id && one.revision === disk.revision);
    if (!isWanted) await rm(disk.path, { force: true });
  }
  return disksSee(directory);
}

async function diskMake(builder: DiskBuilder, directory: string, disk: DiskWanted): Promise<void> {
  const { source, sizeMib } = disk;
  const stem = join(directory, `disk-${disk.id}.${disk.revision}`);
  const options = { owner: builder.owner };
  const sizeBytes = sizeMib * mibBytes;
  if (source.kind === 'blank' && source.fs !== 'none') {
    const format = formatterOf(source.fs, source.label);
    return fileReplace(
      `${stem}.raw`,
      async (file) => {
        await file.truncate(sizeBytes);
        await commandRun([...format, `${stem}.raw.tmp`], { timeoutMs: 300_000 });
      },
      options,
    );
  }
  const backing = source.kind === 'image' ? backingOf(builder.images, source.imageId, disk) : null;
  const image = qcow2Empty(sizeBytes, backing);
  await fileReplace(`${stem}.qcow2`, (file) => file.writeFile(image), options);
}

const formatterOf = (fs: 'ext4' | 'swap', label: string): string[] => {
  const labelled = label === '' ? [] : ['-L', label];
  return fs === 'ext4' ? ['mkfs.ext4', '-q', '-F', ...labelled] : ['mkswap', ...labelled];
};

function backingOf(
  images: ImageCache,
  imageId: string,
  { id, sizeMib }: DiskWanted,
): { path: string; format: 'raw' | 'qcow2' } {
  const image = images.get(imageId);
  if (image === null) throw new AgentFailure('no_image', `image ${imageId} is not on this host`);
  if (image.virtualSizeBytes > sizeMib * mibBytes) {
    throw new AgentFailure('bad_image', `image ${imageId} is larger than disk ${id}`);
  }
  return image;
}

async function diskGrow(builder: DiskBuilder, disk: DiskBuilt, wanted: DiskWanted): Promise<void> {
  const size = String(wanted.sizeMib * mibBytes);
  try {
    // As the guest: its disk may say anything about itself.
    await commandRun(['qemu-img', 'resize', '-q', '-f', disk.format, disk.path, size], {
      user: builder.owner,
      timeoutMs: 120_000,
    });
  } catch (error) {
    throw asNoSpace(error, `growing ${disk.path}`);
  }
}
