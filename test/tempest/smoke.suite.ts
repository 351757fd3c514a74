/** Tempest's list `smoke`, with SSH into guests. The last line counts. */
import { credentialConflict, tempestSuiteRun } from '../support/tempest-suite.ts';

await tempestSuiteRun({
  select: (id) => /\[[^\]]*\bsmoke\b[^\]]*\]/.test(id),
  knownConflicts: [credentialConflict],
  gaps: {
    'tempest.scenario.test_server_basic_ops.TestServerBasicOps.test_server_basic_ops':
      'the metadata service takes no password from the guest',
  },
  ssh: true,
});
