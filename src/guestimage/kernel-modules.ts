/** Loadable modules of the kernel: which ones a module needs, and their bytes as the guest keeps them. */
import { globSync } from 'node:fs';
import { readFile } from 'node:fs/promises';

export interface KernelModule {
  readonly name: string;
  readonly content: Uint8Array;
  readonly needs: readonly string[];
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
    const needs = moduleNeeds(content);
    for (const need of needs) await load(need);
    loaded.set(name, { name, content: withoutSignature(content), needs });
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

/** Section `.modinfo` is a list of strings that end in NUL; `depends=` is always among them, mostly empty. */
function moduleNeeds(content: Buffer): string[] {
  const key = '\0depends=';
  const start = content.indexOf(key);
  if (start < 0) return [];
  const end = content.indexOf(0, start + 1);
  const list = content.toString('latin1', start + key.length, end);
  return list === '' ? [] : list.split(',').map(moduleName);
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
