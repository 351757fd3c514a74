/**
 * `welkin image build tiny`: a small guest for tests and first steps, made from Debian packages and the scripts in
 * `files/`, without a download from anywhere but the package mirror, without mounting anything.
 *
 * The same packages give the same image, bit for bit: times, ids and orders are fixed.
 */
import { createHash } from 'node:crypto';
import { mkdir, open, readFile, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { commandRun } from './command.ts';
import { mib } from './constants.ts';
import { bootPartitionBuild, diskBuild } from './disk.ts';
import { ext4Build } from './ext4.ts';
import { TinyImageFailed } from './failure.ts';
import { initramfsBuild } from './initramfs.ts';
import { guestPackagesFetch } from './packages.ts';
import { rootfsBuild } from './rootfs.ts';

export interface TinyImageOptions {
  /** The qcow2 file; it appears when it is complete. */
  readonly outputPath: string;
  /** Downloaded packages stay here for the next build. */
  readonly cacheDir: string;
  readonly user?: string;
  readonly onProgress: (message: string) => void;
}

export interface TinyImage {
  readonly path: string;
  readonly sizeBytes: number;
  readonly sha512: string;
  readonly virtualSizeBytes: number;
}

/** Free space included; in a server the root file system grows to the size of the flavor's disk. */
const rootSizeBytes = 64 * mib;

/** Fails with TinyImageFailed for what is not a fault of the program, and leaves nothing but downloaded packages. */
export async function tinyImageBuild(options: TinyImageOptions): Promise<TinyImage> {
  const { user = 'cirros' } = options;
  if (!/^[a-z_][a-z0-9_-]{0,30}$/.test(user) || ['root', 'nobody'].includes(user)) {
    throw new TinyImageFailed(
      `${JSON.stringify(user)} is no name for the user of the image: small letters, digits, - and _`,
    );
  }
  try {
    return await inWorkFolder(options.cacheDir, (workDir) => imageMake(options, user, workDir));
  } catch (error) {
    // Full disks, missing rights and the like: the error of the system call says it all.
    if (!(error instanceof Error && 'code' in error && 'syscall' in error)) throw error;
    throw new TinyImageFailed(`cannot build the image: ${error.message}`, { cause: error });
  }
}

async function imageMake(
  { outputPath, cacheDir, onProgress }: TinyImageOptions,
  user: string,
  workDir: string,
): Promise<TinyImage> {
  onProgress('fetch packages');
  const packages = await guestPackagesFetch(cacheDir, workDir, onProgress);
  onProgress('make the file systems');
  const rootPath = join(workDir, 'root.ext4');
  const tree = await rootfsBuild(packages, user);
  const root = { path: rootPath, sizeBytes: rootSizeBytes, label: 'welkin-root', tree };
  await ext4Build(root, workDir);
  const bootFiles = {
    kernelPath: `${packages.folder('kernel')}/boot/vmlinuz-${packages.kernelRelease}`,
    initramfs: await initramfsBuild(packages),
  };
  const bootPath = await bootPartitionBuild(bootFiles, workDir);
  onProgress('make the disk');
  const diskPath = join(workDir, 'disk.raw');
  const bootCode = await readFile('/usr/lib/syslinux/mbr/mbr.bin');
  const virtualSizeBytes = await diskBuild({ path: diskPath, bootPath, rootPath, bootCode });
  await qcow2Write(diskPath, outputPath);
  return { path: outputPath, virtualSizeBytes, ...(await fileFacts(outputPath)) };
}

async function inWorkFolder<T>(cacheDir: string, work: (dir: string) => Promise<T>): Promise<T> {
  await mkdir(cacheDir, { recursive: true });
  await staleWorkRemove(cacheDir);
  const workDir = join(cacheDir, `work-${process.pid}`);
  await rm(workDir, { recursive: true, force: true });
  await mkdir(workDir);
  try {
    return await work(workDir);
  } finally {
    await rm(workDir, { recursive: true, force: true });
  }
}

/** A running guest may hold the file of an earlier build open and locked: it keeps its own. */
async function qcow2Write(diskPath: string, outputPath: string): Promise<void> {
  const part = `${outputPath}.part`;
  try {
    await mkdir(dirname(outputPath), { recursive: true });
    await commandRun('qemu-img', ['convert', '-c', '-f', 'raw', '-O', 'qcow2', diskPath, part]);
    const file = await open(part, 'r+');
    await file.sync();
    await file.close();
    await rename(part, outputPath);
  } finally {
    await rm(part, { force: true });
  }
}

async function fileFacts(path: string): Promise<{ sizeBytes: number; sha512: string }> {
  const { size } = await stat(path);
  const sha512 = createHash('sha512')
    .update(await readFile(path))
    .digest('hex');
  return { sizeBytes: size, sha512 };
}

/** What a killed build left. */
async function staleWorkRemove(cacheDir: string): Promise<void> {
  for (const name of await readdir(cacheDir)) {
    const pid = /^work-(\d+)$/.exec(name)?.[1];
    if (pid !== undefined && !processAlive(Number(pid))) {
      await rm(join(cacheDir, name), { recursive: true, force: true });
    }
  }
}

function processAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
