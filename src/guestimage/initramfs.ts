/** The first file system of the guest's kernel: it finds the real one. */
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { constants, gzip } from 'node:zlib';

import { guestFile } from './guest-files.ts';
import { modulesAdd } from './kernel-modules.ts';
import type { GuestPackages } from './packages.ts';
import { Tree, cpioArchive } from './tree.ts';

const compress = promisify(gzip);

/** Of the disks that the firmware can boot from. */
const diskDrivers = ['virtio_pci', 'virtio_blk', 'virtio_scsi', 'sd_mod'];

export async function initramfsBuild(packages: GuestPackages): Promise<Uint8Array> {
  const tree = new Tree();
  for (const path of ['/dev', '/proc', '/sys', '/newroot']) tree.directory(path);
  const busybox = await readFile(`${packages.folder('busybox-static')}/bin/busybox`);
  tree.file('/bin/busybox', busybox, { mode: 0o755 });
  tree.link('/bin/sh', 'busybox');
  tree.file('/init', await guestFile('initramfs-init'), { mode: 0o755 });
  await modulesAdd(tree, packages, diskDrivers);
  return await compress(cpioArchive(tree.entries()), { level: constants.Z_BEST_COMPRESSION });
}
