import { registerHooks } from 'node:module';

const own = new URL('../', import.meta.url).href;
/** Packages of hundreds of small files that name one another with their whole names. */
const manyFiles = /\/node_modules\/(typebox|kysely)\//;

/**
 * Node looks at the disk several times for each import: is it there, is it a link, which package.json rules it. Where the
 * name says it all that is a third of a start, and a cloud starts a thousand files in each of its programs.
 */
export function moduleResolveQuickly(): void {
  registerHooks({
    resolve(specifier, context, next) {
      const { parentURL = '' } = context;
      const format = specifier.startsWith('.') ? formatOf(specifier, parentURL) : null;
      if (format === null) return next(specifier, context);
      return { url: new URL(specifier, parentURL).href, format, shortCircuit: true };
    },
  });
}

function formatOf(specifier: string, parent: string): string | null {
  if (parent.startsWith(own)) return specifier.endsWith('.ts') ? 'module-typescript' : null;
  return manyFiles.test(parent) ? 'module' : null;
}
