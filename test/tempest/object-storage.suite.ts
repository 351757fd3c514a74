/** Tempest's whole list for the object store. */
import { tempestSuiteRun } from '../support/tempest-suite.ts';

await tempestSuiteRun({ select: (id) => id.startsWith('tempest.api.object_storage.') });
