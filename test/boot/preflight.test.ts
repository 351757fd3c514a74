import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Cloud } from '../../src/boot/cloud.ts';
import type { Configuration } from '../../src/boot/configuration.model.ts';
import { configurationRead } from '../../src/boot/configuration.ts';
import { layoutOf } from '../../src/boot/layout.ts';
import { portHolder } from '../../src/boot/port-holder.ts';
import { pathCheck, portCheck, rangeCheck } from '../../src/boot/preflight.ts';

const folder = mkdtempSync('/tmp/wp-');
chmodSync(folder, 0o711);
after(() => rmSync(folder, { recursive: true }));

const cloudWith = (external: Partial<Configuration['external']>): Cloud => {
  const configuration = configurationRead(null);
  return {
    layout: layoutOf(join(folder, 'cloud')),
    configuration: { ...configuration, external: { ...configuration.external, ...external } },
  };
};

test('a taken port is told with the program that has it', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  try {
    assert.match(portHolder(port) ?? '', new RegExp(`^node .*\\(pid ${process.pid}\\)$`));
    await assert.rejects(
      portCheck({ host: '127.0.0.1', port }),
      new RegExp(`127\\.0\\.0\\.1:${port} is taken by node .*; stop it or choose another --listen`),
    );
  } finally {
    server.close();
    await once(server, 'close');
  }
  await portCheck({ host: '127.0.0.1', port });
  assert.equal(portHolder(port), null);
});

test('an address that is not of this machine cannot be listened on', async () => {
  await assert.rejects(
    portCheck({ host: '192.0.2.200', port: 5000 }),
    /192\.0\.2\.200:5000 is not an address of this machine/,
  );
});

test('a folder that only its owner may enter cannot hold a cloud', () => {
  const closed = join(folder, 'closed');
  mkdirSync(closed, { mode: 0o700 });
  assert.throws(() => pathCheck(join(closed, 'cloud')), /which only its owner may enter/);
  chmodSync(closed, 0o711);
  pathCheck(join(closed, 'cloud'));
});

test('a file, and what lies below one, cannot hold a cloud', () => {
  const file = join(folder, 'file');
  writeFileSync(file, '');
  for (const path of [file, join(file, 'cloud')]) {
    assert.throws(
      () => pathCheck(path),
      /\/file is a file and no directory; choose another --state-dir/,
    );
  }
});

test('a path that leaves no room for the sockets of guests is refused', () => {
  assert.throws(() => pathCheck(`/tmp/${'x'.repeat(40)}`), /at most 38 characters/);
});

test('an external range that this machine uses already is refused, with the interface', () => {
  assert.throws(
    () => rangeCheck(cloudWith({ cidr: '127.0.0.0/24' })),
    /127\.0\.0\.0\/24 meets 127\.0\.0\.1 on lo of this machine/,
  );
  rangeCheck(cloudWith({ cidr: '198.51.100.0/24' }));
});
