import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cloudUse, tinyEnsure } from './cloud.ts';
import { tempestRun, type ComplianceRules } from './tempest.ts';

export interface TempestSuite {
  /** Which of Tempest's test ids, attributes in brackets at the end. */
  readonly select: (id: string) => boolean;
  /** Tests that a current OpenStack fails by design, by the beginning of their id: they are not run. */
  readonly knownConflicts?: readonly string[];
  /** What is not there yet, and why: these would fail. They count as skipped. */
  readonly gaps?: Readonly<Record<string, string>>;
  /** Logs into guests. */
  readonly ssh?: boolean;
  /** What the cloud needs in its `welkin.toml`: it is the suite's own then. */
  readonly toml?: (stateDir: string) => string;
  readonly httpImage?: string;
  readonly compliance?: ComplianceRules;
  readonly showsLocations?: boolean;
}

/**
 * PATCH of a credential changes its blob and nothing else since CVE-2026-90460, while this test moves it to another
 * project.
 */
export const credentialConflict =
  'tempest.api.identity.admin.v3.test_credentials.CredentialsTestJSON.test_credentials_create_get_update_delete';

/** Runs a part of Tempest on the suite's cloud, prints what failed, and the count as the last line. */
export async function tempestSuiteRun(suite: TempestSuite): Promise<void> {
  const {
    select,
    knownConflicts = [],
    gaps = {},
    ssh = false,
    toml,
    httpImage,
    compliance,
    showsLocations = false,
  } = suite;
  await using cloud = await cloudUse(toml);
  await tinyEnsure(cloud);
  const directory = mkdtempSync(join(tmpdir(), 'tempest-'));
  const leftOut = [...knownConflicts, ...Object.keys(gaps)];
  const { passed, failed, skipped } = await tempestRun(cloud, {
    directory,
    select: (id) => select(id) && !leftOut.some((name) => id.startsWith(name)),
    concurrency: 2,
    ssh,
    showsLocations,
    ...(httpImage !== undefined && { httpImage }),
    ...(compliance !== undefined && { compliance }),
  });
  const summary = JSON.stringify({ passed, failed, skipped }, null, 1);
  writeFileSync(join(directory, 'summary.json'), summary);
  for (const id of failed) console.log(`failed: ${id}`);
  if (failed.length > 0) console.log(`Tempest's logs are in ${directory}`);
  for (const [id, why] of Object.entries(gaps)) console.log(`left out: ${id}: ${why}`);
  const left = Object.keys(gaps).length;
  console.log(`${passed.length} passed, ${failed.length} failed, ${skipped.length + left} skipped`);
  process.exitCode = failed.length === 0 ? 0 : 1;
}
