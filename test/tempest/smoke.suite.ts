/** Tempest's list `smoke`, with SSH into guests. The last line counts. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cloudUse, tinyEnsure } from '../support/cloud.ts';
import { tempestRun } from '../support/tempest.ts';

/**
 * Tests that a current, security-patched OpenStack fails by design. CVE-2026-90460: PATCH of a credential changes its
 * blob and nothing else, while this test moves it to another project.
 */
const knownConflicts: readonly string[] = [
  'tempest.api.identity.admin.v3.test_credentials.CredentialsTestJSON.test_credentials_create_get_update_delete',
];

/** What is not there yet: these would fail. They count as skipped. */
const gaps: Readonly<Record<string, string>> = {
  'tempest.scenario.test_server_basic_ops.TestServerBasicOps.test_server_basic_ops':
    'the metadata service takes no password from the guest',
};

await using cloud = await cloudUse();
await tinyEnsure(cloud);
const directory = mkdtempSync(join(tmpdir(), 'tempest-'));
const { passed, failed, skipped } = await tempestRun(cloud, {
  directory,
  select: (id) =>
    /\[[^\]]*\bsmoke\b[^\]]*\]/.test(id) &&
    ![...knownConflicts, ...Object.keys(gaps)].some((name) => id.startsWith(name)),
  concurrency: 2,
  ssh: true,
});
writeFileSync(
  join(directory, 'summary.json'),
  JSON.stringify({ passed, failed, skipped }, null, 1),
);
for (const id of failed) console.log(`failed: ${id}`);
if (failed.length > 0) console.log(`Tempest's logs are in ${directory}`);
for (const [id, why] of Object.entries(gaps)) console.log(`left out: ${id}: ${why}`);
const left = Object.keys(gaps).length;
console.log(`${passed.length} passed, ${failed.length} failed, ${skipped.length + left} skipped`);
process.exitCode = failed.length === 0 ? 0 : 1;
