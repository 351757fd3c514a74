/** Tempest's whole list for identity: all that a real OpenStack passes. */
import { credentialConflict, tempestSuiteRun } from '../support/tempest-suite.ts';

const compliance = { lockoutFailures: 2, lockoutSec: 5, uniquePasswords: 2 };

await tempestSuiteRun({
  select: (id) => id.startsWith('tempest.api.identity.'),
  knownConflicts: [credentialConflict],
  compliance,
  toml: () =>
    [
      '[identity]',
      `lockout_failure_attempts = ${compliance.lockoutFailures}`,
      `lockout_duration = ${compliance.lockoutSec}`,
      `unique_last_password_count = ${compliance.uniquePasswords}`,
      '',
    ].join('\n'),
});
