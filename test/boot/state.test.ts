import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { configurationRead } from '../../src/boot/configuration.ts';
import { fileWrite, folderEnsure } from '../../src/boot/files.ts';
import { controlUid, layoutOf } from '../../src/boot/layout.ts';
import { logFileRotate, logFileTail, logLineText } from '../../src/boot/log-file.ts';
import { stateEnsure } from '../../src/boot/supervisor.ts';

const folder = mkdtempSync(join(tmpdir(), 'welkin-state-'));
after(() => rmSync(folder, { recursive: true }));

const isRoot = process.getuid?.() === 0;
const layout = layoutOf(join(folder, 'cloud'));
const cloudOn = (listen: string) => ({ layout, configuration: configurationRead(null, listen) });

const modes = (at: string): [string, string][] =>
  readdirSync(at, { recursive: true, encoding: 'utf8' }).map((name) => {
    const { mode, uid } = statSync(join(at, name));
    return [name, `${uid === controlUid ? 'control' : uid} ${(mode & 0o777).toString(8)}`];
  });

test('folders that are missing above the state directory let control and guests pass', () => {
  const umask = process.umask(0o077);
  try {
    folderEnsure(join(folder, 'a', 'b', 'cloud'), { mode: 0o700 });
  } finally {
    process.umask(umask);
  }
  const seen = modes(join(folder, 'a')).map(([name, mode]) => `${name} ${mode.split(' ')[1]}`);
  assert.deepEqual(seen.toSorted(), ['b 711', 'b/cloud 700']);
  assert.equal(statSync(join(folder, 'a')).mode & 0o777, 0o711);
});

test('a first start makes what is secret readable by the one account that needs it', (t) => {
  if (!isRoot) return t.skip('needs root');
  stateEnsure(cloudOn('127.0.0.1:5000'));
  assert.deepEqual(Object.fromEntries(modes(layout.stateDir)), {
    agent: '0 711',
    'clouds.yaml': '0 600',
    control: 'control 700',
    'control/secrets': 'control 700',
    'control/secrets/admin-password': 'control 600',
    'control/secrets/demo-password': 'control 600',
    'control/secrets/server.crt': 'control 600',
    'control/secrets/server.key': 'control 600',
    'control/secrets/credential-keys': 'control 700',
    'control/secrets/credential-keys/1': 'control 600',
    'control/secrets/token-keys': 'control 700',
    'control/secrets/token-keys/1': 'control 600',
    'control/secrets/token-keys/next': 'control 600',
    log: '0 700',
    object: 'control 700',
    openrc: '0 600',
    run: '0 711',
    'run/configuration.json': '0 600',
    tls: '0 711',
    'tls/ca.crt': '0 644',
    'tls/ca.key': '0 600',
  });
  assert.equal(statSync(layout.stateDir).mode & 0o777, 0o711);
});

test('a second start keeps every secret, and what the owner changed in clouds.yaml', (t) => {
  if (!isRoot) return t.skip('needs root');
  const read = () =>
    [layout.adminPasswordFile, layout.caKey, layout.serverKey, layout.cloudsFile].map((path) =>
      readFileSync(path, 'utf8'),
    );
  writeFileSync(layout.cloudsFile, `${readFileSync(layout.cloudsFile, 'utf8')}# mine\n`);
  const before = read();
  chmodSync(layout.logDir, 0o777);
  stateEnsure(cloudOn('127.0.0.1:5000'));
  assert.deepEqual(read(), before);
  assert.equal(statSync(layout.logDir).mode & 0o777, 0o700);
});

test('an API that moves gets a certificate for its address and credentials that name it', (t) => {
  if (!isRoot) return t.skip('needs root');
  stateEnsure(cloudOn('192.0.2.9:5000'));
  const certificate = new X509Certificate(readFileSync(layout.serverCertificate));
  const authority = new X509Certificate(readFileSync(layout.caCertificate));
  assert.equal(certificate.verify(authority.publicKey), true);
  assert.equal(certificate.checkIP('192.0.2.9'), '192.0.2.9');
  assert.equal(certificate.checkHost('localhost'), 'localhost');
  const clouds = readFileSync(layout.cloudsFile, 'utf8');
  assert.match(clouds, /auth_url: "https:\/\/192\.0\.2\.9:5000\/identity\/v3"/);
  assert.match(clouds, /cacert: /);
});

test('a key without its certificate is half a pair and both are made anew', (t) => {
  if (!isRoot) return t.skip('needs root');
  const before = readFileSync(layout.serverKey, 'utf8');
  rmSync(layout.serverCertificate);
  stateEnsure(cloudOn('127.0.0.1:5000'));
  assert.notEqual(readFileSync(layout.serverKey, 'utf8'), before);
  const certificate = new X509Certificate(readFileSync(layout.serverCertificate));
  assert.equal(certificate.checkIP('127.0.0.1'), '127.0.0.1');
});

test('a file is replaced whole and never wider open than it shall be', () => {
  const path = join(folder, 'secret');
  fileWrite(path, 'one', { mode: 0o600 });
  fileWrite(path, 'two', { mode: 0o600 });
  assert.equal(readFileSync(path, 'utf8'), 'two');
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.includes('secret')),
    ['secret'],
  );
});

test('a log that reached its limit is kept beside and goes on empty', () => {
  const path = join(folder, 'x.log');
  writeFileSync(path, 'first\nsecond\n');
  assert.equal(logFileRotate(path, 100), false);
  assert.equal(logFileRotate(path, 5), true);
  assert.equal(readFileSync(path, 'utf8'), '');
  assert.equal(readFileSync(`${path}.1`, 'utf8'), 'first\nsecond\n');
  for (let round = 0; round < 9; round++) {
    writeFileSync(path, `round ${round}`);
    logFileRotate(path, 5);
  }
  const kept = readdirSync(folder).filter((name) => name.startsWith('x.log.'));
  assert.deepEqual(kept.toSorted(), ['x.log.1', 'x.log.2', 'x.log.3', 'x.log.4', 'x.log.5']);
});

test('the end of a log is its last lines', () => {
  const path = join(folder, 'y.log');
  writeFileSync(path, 'a\nb\nc\n');
  assert.deepEqual(logFileTail(path, 2), ['b', 'c']);
  assert.deepEqual(logFileTail(join(folder, 'absent'), 2), []);
});

test('a line of a log is told to a person without its braces', () => {
  const line = JSON.stringify({
    time: '2026-01-02T03:04:05.678Z',
    level: 'error',
    message: 'ended by an error',
    program: 'control',
    pid: 7,
    causes: ['Error: no disk\n    at open (disk.ts:1)\n    at more', 'Error: deeper'],
  });
  assert.equal(
    logLineText(line),
    '03:04:05 error: ended by an error {"pid":7}\n  Error: no disk\n      at open (disk.ts:1)\n  Error: deeper',
  );
  assert.equal(logLineText('Segmentation fault'), 'Segmentation fault');
});
