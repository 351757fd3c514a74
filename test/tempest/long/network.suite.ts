/** Tempest's whole list for the network. */
import { tempestSuiteRun } from '../../support/tempest-suite.ts';

await tempestSuiteRun({ select: (id) => id.startsWith('tempest.api.network.') });
