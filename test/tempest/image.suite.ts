/** Tempest's whole list for images, with imports from a web server of the test's and a second store. */
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tempestSuiteRun } from '../support/tempest-suite.ts';

const web = createServer((_, response) => response.end(Buffer.alloc(1 << 20, 'welkin')));
web.listen(0, '127.0.0.1');
await once(web, 'listening');
const { port } = web.address() as AddressInfo;

// A test removes locations as a member, which Glance itself has refused since its rules name roles.
const directory = mkdtempSync(join(tmpdir(), 'tempest-image-'));
chmodSync(directory, 0o755);
const policyFile = join(directory, 'policy.json');
const rule = 'role:admin or (role:member and project_id:%(project_id)s)';
writeFileSync(policyFile, JSON.stringify({ delete_image_location: rule }));

await tempestSuiteRun({
  select: (id) => id.startsWith('tempest.api.image.'),
  showsLocations: true,
  httpImage: `http://127.0.0.1:${port}/image`,
  toml: (stateDir) =>
    [
      `policy_file = "${policyFile}"`,
      '[image]',
      'show_multiple_locations = true',
      'download_allow = ["127.0.0.1/32"]',
      `download_ports = [80, ${port}]`,
      '[[image.store]]',
      'id = "second"',
      'type = "file"',
      `directory = "${stateDir}/control/second"`,
      '[[image.store]]',
      'id = "web"',
      'type = "http"',
      '',
    ].join('\n'),
});
rmSync(directory, { recursive: true });
web.closeAllConnections();
web.close();
