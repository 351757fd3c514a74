/** The first file system of the guest's kernel: it finds the real one. */
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { constants, gzip } from 'node:zlib';

import { guestFile } from './guest-files.ts';
import { kernelModules, type KernelModule } from './kernel-modules.ts';
import type { GuestPackages } from './packages.ts';
import { Tree, cpioArchive } from './tree.ts';

const compress = promisify(gzip);

/** Drivers of the disks that the firmware can boot from. */
const diskDrivers = {
  'virtio-blk': ['virtio_pci', 'virtio_blk'],
  'virtio-scsi': ['virtio_scsi', 'sd_mod'],
} as const;

export async function initramfsBuild(packages: GuestPackages): Promise<Uint8Array> {
  const tree = new Tree();
  for (const path of ['/dev', '/proc', '/sys', '/newroot']) tree.directory(path);
  const busybox = await readFile(`${packages.folder('busybox-static')}/bin/busybox`);
  tree.file('/bin/busybox', busybox, { mode: 0o755 });
  tree.link('/bin/sh', 'busybox');
  tree.file('/init', await guestFile('initramfs-init'), { mode: 0o755 });

  const modulesDir = `${packages.folder('kernel')}/lib/modules/${packages.kernelRelease}`;
  for (const [list, wanted] of Object.entries(diskDrivers)) {
    const modules = await kernelModules(modulesDir, wanted);
    const missing = modules.filter(({ name }) => !tree.has(modulePath(name)));
    for (const { name, content } of missing) tree.file(modulePath(name), content);
    tree.file(`/modules/${list}`, names(missing));
  }
  return await compress(cpioArchive(tree.entries()), { level: constants.Z_BEST_COMPRESSION });
}

const modulePath = (name: string) => `/modules/${name}.ko`;
const names = (modules: readonly KernelModule[]) => modules.map(({ name }) => `${name}\n`).join('');
