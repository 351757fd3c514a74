/** Loadable modules of the kernel: which ones a module needs, and their bytes as the guest keeps them. */
import { globSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { GuestPackages } from './packages.ts';
import type { Tree } from './tree.ts';

export interface KernelModule {
  readonly name: string;
  readonly content: Uint8Array;
  readonly needs: readonly string[];
  /** What the kernel or an event may call it: `fs-iso9660`, `virtio:d00000001v*`. */
  readonly aliases: readonly string[];
}

/** Puts modules where modprobe looks for them. */
export async function modulesAdd(
  tree: Tree,
  packages: GuestPackages,
  wanted: readonly string[],
): Promise<void> {
  const folder = `/lib/modules/${packages.kernelRelease}`;
  const modules = await kernelModules(packages.folder('kernel') + folder, wanted);
  for (const { name, content } of modules) tree.file(`${folder}/${name}.ko`, content);
  tree.file(`${folder}/modules.dep`, modulesDep(modules));
  const aliases = modules.flatMap(({ name, aliases }) => aliases.map((alias) => [alias, name]));
  const aliasLines = aliases.map(([alias, name]) => `alias ${alias} ${name}\n`);
  tree.file(`${folder}/modules.alias`, aliasLines.join(''));
}

/** The modules and all that they need, each after its needs: the order in which they load. */
export async function kernelModules(
  modulesDir: string,
  wanted: readonly string[],
): Promise<KernelModule[]> {
  const paths = new Map(
    globSync('kernel/**/*.ko', { cwd: modulesDir }).map((path) => [moduleName(path), path]),
  );
  const loaded = new Map<string, KernelModule>();
  const load = async (name: string): Promise<void> => {
    if (loaded.has(name)) return;
    const path = paths.get(name);
    if (path === undefined) throw new Error(`the kernel has no module ${name}`);
    const content = await readFile(`${modulesDir}/${path}`);
    const needs = moduleInfo(content, 'depends').flatMap((list) => list.split(',').map(moduleName));
    for (const need of needs) await load(need);
    const aliases = moduleInfo(content, 'alias');
    loaded.set(name, { name, content: withoutSignature(content), needs, aliases });
  };
  for (const name of wanted) await load(moduleName(name));
  return [...loaded.values()];
}

/** The kernel treats `-` and `_` in names of modules as one; files have either. */
function moduleName(path: string): string {
  return path
    .slice(path.lastIndexOf('/') + 1)
    .replace(/\.ko$/, '')
    .replaceAll('-', '_');
}

/** Section `.modinfo` is a list of strings `key=value` that end in NUL. */
function moduleInfo(content: Buffer, key: string): string[] {
  const strings = content.toString('latin1').matchAll(new RegExp(`\0${key}=([^\0]+)`, 'g'));
  return [...strings].map(([, value = '']) => value);
}

const signatureMark = '~Module signature appended~\n';

/**
 * Checking a signature is RSA on an emulated CPU for each module of each boot, and nobody trusts it here: whoever can
 * change a module in the image can change the kernel as well.
 */
function withoutSignature(content: Buffer): Buffer {
  const end = content.length - signatureMark.length;
  if (content.toString('latin1', end) !== signatureMark) return content;
  // struct module_signature is 12 bytes; its last four are the length of the signature before it, big endian.
  return content.subarray(0, end - 12 - content.readUInt32BE(end - 4));
}

/** `modules.dep`, the one index that busybox's modprobe reads; it loads the needs of a line from last to first. */
export function modulesDep(modules: readonly KernelModule[]): string {
  const needsOf = new Map(modules.map(({ name, needs }) => [name, needs]));
  const closure = (name: string): string[] =>
    (needsOf.get(name) ?? []).flatMap((need) => [need, ...closure(need)]);
  return modules
    .map(({ name }) => {
      const needed = new Set(closure(name));
      const latestFirst = modules.filter((each) => needed.has(each.name)).toReversed();
      return `${name}.ko:${latestFirst.map((each) => ` ${each.name}.ko`).join('')}\n`;
    })
    .join('');
}
