/** Tempest's whole list for compute, without SSH: what logs into guests is in the smoke list. */
import { tempestSuiteRun } from '../../support/tempest-suite.ts';

await tempestSuiteRun({ select: (id) => id.startsWith('tempest.api.compute.') });
