// Says by its exit code whether node_modules holds what package-lock.json asks for. Plain JavaScript without
// imports of ours: it runs before anything is known to be installed.
const { existsSync, readFileSync } = require('node:fs');
const { join } = require('node:path');

const [root, wanted] = process.argv.slice(2);
const lockRead = (path) => JSON.parse(readFileSync(join(root, path), 'utf8')).packages;
try {
  const installed = lockRead('node_modules/.package-lock.json');
  const missing = Object.entries(lockRead('package-lock.json')).filter(
    ([path, entry]) =>
      path !== '' &&
      !(entry.dev && wanted !== 'dev') &&
      !(entry.optional && !existsSync(join(root, path))) &&
      installed[path]?.version !== entry.version,
  );
  process.exit(missing.length === 0 ? 0 : 1);
} catch {
  process.exit(1);
}
