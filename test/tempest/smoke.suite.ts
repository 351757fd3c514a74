/** Tempest's list `smoke`, with SSH into guests. The last line counts. */
import { credentialConflict, tempestSuiteRun } from '../support/tempest-suite.ts';

await tempestSuiteRun({
  select: (id) => /\[[^\]]*\bsmoke\b[^\]]*\]/.test(id),
  knownConflicts: [credentialConflict],
  ssh: true,
});
