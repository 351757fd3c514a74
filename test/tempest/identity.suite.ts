/** Tempest's whole list for identity: all that a real OpenStack passes. */
import { credentialConflict, tempestSuiteRun } from '../support/tempest-suite.ts';

await tempestSuiteRun({
  select: (id) => id.startsWith('tempest.api.identity.'),
  knownConflicts: [credentialConflict],
});
