/** The root file system of the guest, as a tree. */
import { readdir, readFile, realpath } from 'node:fs/promises';

import { commandOutput } from './command.ts';
import { guestFile } from './guest-files.ts';
import { modulesAdd } from './kernel-modules.ts';
import type { GuestPackages } from './packages.ts';
import { Tree } from './tree.ts';

/** `gocubsgo`, the well-known password of the well-known user: a server gets another one from its metadata. */
const userPasswordHash =
  '$6$welkin$6WYIPmPRmYwj65/NCvoyqrH1Y.nKo3fFXPi6yYZxR.1D6oTOeZIvaR9gTQd/qgeiNq4fHDPZrsYniWnv/Ip4V0';

const sudoGid = 27;
const userId = 1000;

/** Drivers loaded at boot, and what a config drive needs. */
const rootModules = [
  'virtio_net',
  'virtio_rng',
  'virtio_console',
  'virtio_balloon',
  'virtio_scsi',
  'sd_mod',
  'sr_mod',
  'button',
  'evdev',
  'isofs',
  'vfat',
  'nls_cp437',
  'nls_ascii',
];

const libraries = [
  ['libc6', 'libc.so.6'],
  ['libc6', 'libresolv.so.2'],
  ['libc6', 'libnss_dns.so.2'],
  ['libc6', 'libnss_files.so.2'],
  ['libc6', 'ld-linux-x86-64.so.2'],
  ['libcrypt1', 'libcrypt.so.1'],
  ['zlib1g', 'libz.so.1'],
  ['libtomcrypt1', 'libtomcrypt.so.1'],
  ['libtommath1', 'libtommath.so.1'],
  ['libgmp10', 'libgmp.so.10'],
  ['libext2fs2', 'libext2fs.so.2'],
  ['libext2fs2', 'libe2p.so.2'],
  ['libcom-err2', 'libcom_err.so.2'],
  ['libblkid1', 'libblkid.so.1'],
  ['libuuid1', 'libuuid.so.1'],
] as const;

const programs = [
  ['dropbear-bin', '/usr/sbin/dropbear', '/usr/sbin/dropbear'],
  ['dropbear-bin', '/usr/bin/dropbearkey', '/usr/bin/dropbearkey'],
  ['dropbear-bin', '/usr/bin/dbclient', '/usr/bin/ssh'],
  ['e2fsprogs', '/sbin/mke2fs', '/sbin/mke2fs'],
  ['e2fsprogs', '/sbin/resize2fs', '/sbin/resize2fs'],
  ['e2fsprogs', '/etc/mke2fs.conf', '/etc/mke2fs.conf'],
  ['netcat-traditional', '/bin/nc.traditional', '/bin/nc.traditional'],
] as const;

/** Commands of our own that take the place of a busybox applet or add what it lacks. */
const commands = ['blkid', 'curl', 'lsblk', 'nc', 'sudo'];
const bootScripts = [
  'after-boot',
  'agent',
  'boot',
  'dhcp-event',
  'functions',
  'hotplug',
  'json-lines.awk',
  'metadata',
  'shutdown',
];

export async function rootfsBuild(packages: GuestPackages, user: string): Promise<Tree> {
  const tree = new Tree();
  for (const path of ['/dev', '/mnt', '/proc', '/run', '/sys']) tree.directory(path);
  for (const path of ['/var/lib/guest', '/var/log', '/etc/dropbear']) tree.directory(path);
  tree.directory('/tmp', { mode: 0o1777 });
  tree.directory('/root', { mode: 0o700 });
  tree.directory(`/home/${user}`, { mode: 0o755, uid: userId, gid: userId });
  await packagesAdd(tree, packages);
  await scriptsAdd(tree, user);
  await busyboxAdd(tree, packages);
  await modulesAdd(tree, packages, rootModules);
  await settingsAdd(tree, user);
  return tree;
}

async function packagesAdd(tree: Tree, packages: GuestPackages): Promise<void> {
  for (const [name, library] of libraries) {
    const folder = packages.folder(name);
    const content = await readFile(await libraryFind(folder, library));
    tree.file(`/lib/x86_64-linux-gnu/${library}`, content, { mode: 0o755 });
  }
  tree.link('/lib64/ld-linux-x86-64.so.2', '/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2');
  for (const [name, from, to] of programs) {
    tree.file(to, await readFile(packages.folder(name) + from), { mode: 0o755 });
  }
  for (const type of ['ext2', 'ext3', 'ext4']) tree.link(`/sbin/mkfs.${type}`, 'mke2fs');
}

async function libraryFind(folder: string, library: string): Promise<string> {
  for (const place of ['lib', 'usr/lib']) {
    const path = `${folder}/${place}/x86_64-linux-gnu`;
    const found = (await readdir(path).catch((): string[] => [])).includes(library);
    if (found) return await realpath(`${path}/${library}`);
  }
  throw new Error(`no ${library} in ${folder}`);
}

async function scriptsAdd(tree: Tree, user: string): Promise<void> {
  for (const name of commands) tree.file(`/bin/${name}`, await guestFile(name), { mode: 0o755 });
  for (const name of bootScripts) {
    const text = (await guestFile(name)).replaceAll('@USER@', user);
    tree.file(`/usr/lib/guest/${name}`, text, { mode: 0o755 });
  }
  tree.file('/etc/acpi/PWRF/00000080', '#!/bin/sh\nexec poweroff\n', { mode: 0o755 });
}

/**
 * Two builds of busybox. The dynamic one is what users get. The static one starts faster and its shell finds applets
 * without a PATH, so the boot scripts run in it; but it may not resolve names, for glibc would load libraries into it.
 */
async function busyboxAdd(tree: Tree, packages: GuestPackages): Promise<void> {
  const dynamicPath = `${packages.folder('busybox')}/bin/busybox`;
  const dynamic = await readFile(dynamicPath);
  const fixed = await readFile(`${packages.folder('busybox-static')}/bin/busybox`);
  tree.file('/bin/busybox', dynamic, { mode: 0o755 });
  tree.file('/usr/lib/guest/busybox', fixed, { mode: 0o755 });
  // The two that the kernel calls.
  for (const name of ['init', 'modprobe']) tree.link(`/sbin/${name}`, '/usr/lib/guest/busybox');

  // Busybox gives up root in every applet that does not need it, so a setuid copy is as safe as its few names.
  tree.file('/usr/lib/guest/busybox-sudo', fixed, { mode: 0o4750, gid: sudoGid });
  for (const name of ['passwd', 'su']) tree.link(`/bin/${name}`, '/usr/lib/guest/busybox-sudo');
  tree.file('/usr/lib/guest/busybox-net', dynamic, { mode: 0o4755 });
  for (const name of ['ping', 'ping6', 'traceroute', 'traceroute6']) {
    tree.link(`/bin/${name}`, '/usr/lib/guest/busybox-net');
  }

  const applets = (await commandOutput(dynamicPath, ['--list'])).trim().split('\n');
  for (const applet of applets) {
    const taken = ['/bin', '/sbin'].some((folder) => tree.has(`${folder}/${applet}`));
    if (!taken) tree.link(`/bin/${applet}`, 'busybox');
  }
  // Where scripts written for other systems look.
  for (const name of ['blkid', 'getty', 'ifconfig', 'ip', 'reboot', 'route', 'uevent']) {
    tree.link(`/sbin/${name}`, `../bin/${name}`);
  }
  for (const name of ['env', 'wget']) tree.link(`/usr/bin/${name}`, `../../bin/${name}`);
}

async function settingsAdd(tree: Tree, user: string): Promise<void> {
  const lines = (...each: readonly string[]) => `${each.join('\n')}\n`;
  tree.file('/etc/inittab', await guestFile('inittab'));
  tree.file('/etc/fstab', await guestFile('fstab'));
  tree.file(
    '/etc/passwd',
    lines(
      'root:x:0:0:root:/root:/bin/sh',
      `${user}:x:${userId}:${userId}:cloud user:/home/${user}:/bin/sh`,
      'nobody:x:65534:65534:nobody:/:/bin/false',
    ),
  );
  tree.file(
    '/etc/group',
    lines(
      'root:x:0:',
      'tty:x:5:',
      `sudo:x:${sudoGid}:${user}`,
      `${user}:x:${userId}:`,
      'nogroup:x:65534:',
    ),
  );
  // Root's password is empty, and usable only through su: that is for the group sudo, and log-ins know no root.
  tree.file(
    '/etc/shadow',
    lines('root::20000:0:99999:7:::', `${user}:${userPasswordHash}:20000:0:99999:7:::`),
    { mode: 0o600 },
  );
  tree.file('/etc/securetty', '# Root logs in nowhere: sudo.\n');
  tree.file('/etc/shells', lines('/bin/sh'));
  tree.file('/etc/hostname', lines(user));
  tree.file('/etc/hosts', lines('127.0.0.1 localhost'));
  tree.file('/etc/nsswitch.conf', lines('hosts: files dns'));
  tree.file('/etc/profile', lines('export PATH=/bin:/sbin:/usr/bin:/usr/sbin'));
  tree.file(
    '/etc/issue',
    lines(`user ${user}, password gocubsgo unless the cloud gave another one`),
  );
  tree.link('/etc/resolv.conf', '/run/resolv.conf');
  tree.link('/etc/mtab', '/proc/mounts');
  tree.link('/var/run', '../run');
}
