/** Tempest's whole list for the object store, whose containers are synchronised within the cloud. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../support/free-port.ts';
import { tempestSuiteRun } from '../support/tempest-suite.ts';

const port = await freePort();

await tempestSuiteRun({
  select: (id) => id.startsWith('tempest.api.object_storage.'),
  toml: (stateDir) => {
    const keyFile = join(stateDir, 'realm.key');
    writeFileSync(keyFile, 'key of the realm', { mode: 0o600 });
    return [
      '[object]',
      `listen = "127.0.0.1:${port}"`,
      '[object.sync_realm.realm1]',
      `key_file = "${keyFile}"`,
      'current = "name1"',
      '[object.sync_realm.realm1.clusters]',
      `name1 = "http://127.0.0.1:${port}/v1/"`,
      '',
    ].join('\n');
  },
});
