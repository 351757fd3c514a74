import { accessSync, constants } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';
import { httpTrim } from './boot/http-trim.ts';
import { moduleResolveQuickly } from './boot/module-resolve.ts';

// Nothing that this program makes is meant for others unless it says so.
process.umask(0o077);

// Compiled code is run as root, so it is kept beside the program, where only the program's owner may write.
const cacheDir = join(import.meta.dirname, '..', 'node_modules', '.cache');
try {
  accessSync(join(cacheDir, '..'), constants.W_OK);
  enableCompileCache(join(cacheDir, 'welkin'));
} catch {
  // Without a place to write the program starts somewhat slower.
}

moduleResolveQuickly();
httpTrim();
const { cliRun } = await import('./boot/cli.ts');
process.exitCode = await cliRun(process.argv.slice(2));
// A role that was told to end has ended: what still waits for a connection or a timer shall not keep it.
process.exit();
