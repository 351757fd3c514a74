/** Tempest's whole list for images, with imports from a web server of the test's and a second store. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tempestSuiteRun } from '../support/tempest-suite.ts';

const web = createServer((_, response) => response.end(Buffer.alloc(1 << 20, 'welkin')));
web.listen(0, '127.0.0.1');
await once(web, 'listening');
const { port } = web.address() as AddressInfo;

await tempestSuiteRun({
  select: (id) => id.startsWith('tempest.api.image.'),
  httpImage: `http://127.0.0.1:${port}/image`,
  toml: (stateDir) =>
    [
      '[image]',
      'download_allow = ["127.0.0.1/32"]',
      `download_ports = [80, ${port}]`,
      '[[image.store]]',
      'id = "second"',
      'type = "file"',
      `directory = "${stateDir}/control/second"`,
      '',
    ].join('\n'),
});
web.closeAllConnections();
web.close();
