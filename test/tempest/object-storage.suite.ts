/** Tempest's whole list for the object store. */
import { tempestSuiteRun } from '../support/tempest-suite.ts';

await tempestSuiteRun({
  select: (id) => id.startsWith('tempest.api.object_storage.'),
  gaps: {
    'tempest.api.object_storage.test_container_sync_middleware.':
      'containers take what others send, they do not send yet',
  },
});
