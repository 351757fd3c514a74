import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { UserError } from '../../src/boot/command.ts';
import { configurationRead } from '../../src/boot/configuration.ts';
import { ConfigError } from '../../src/kernel/config-error.ts';

const folder = mkdtempSync(join(tmpdir(), 'welkin-configuration-'));
const file = join(folder, 'welkin.toml');
after(() => rmSync(folder, { recursive: true }));

function read(text: string, listen?: string) {
  writeFileSync(file, text);
  return configurationRead(file, listen);
}

test('without a file everything has a value', () => {
  const configuration = configurationRead(null);
  assert.deepEqual(configuration.listen, { host: '127.0.0.1', port: 5000 });
  assert.equal(configuration.publicUrl, 'http://127.0.0.1:5000');
  assert.equal(configuration.databaseUrl, null);
  assert.deepEqual(configuration.external, {
    name: 'public',
    cidr: '172.24.4.0/24',
    hostAddress: '172.24.4.1',
    allocationFirst: '172.24.4.2',
    allocationLast: '172.24.4.254',
  });
});

test('what the file says is used, in tables and in dotted keys', () => {
  const configuration = read(
    'log.level = "debug"\n[external]\ncidr = "10.1.0.0/28"\nallocation = "10.1.0.4-10.1.0.9"\n',
  );
  assert.equal(configuration.logLevel, 'debug');
  assert.equal(configuration.external.hostAddress, '10.1.0.1');
  assert.equal(configuration.external.allocationLast, '10.1.0.9');
});

test('the object store has its table: other disks, another store, realms', () => {
  const { object } = read(
    [
      '[object]',
      'mirrors = ["/mnt/two"]',
      '[object.bytes]',
      'endpoint = "http://10.0.0.2:7480"',
      'bucket = "bytes"',
      'access_key = "AK"',
      'secret_file = "/etc/secret"',
      '[[object.service]]',
      'prefix = "SERVICE_"',
      'role = "Service"',
      '[object.sync_realm.one]',
      'key_file = "/etc/realm"',
      '[object.sync_realm.one.clusters]',
      'here = "http://10.0.0.1:8080/v1/"',
      '',
    ].join('\n'),
  );
  assert.deepEqual(object.mirrors, ['/mnt/two']);
  assert.equal(object.bytes?.secretFile, '/etc/secret');
  assert.deepEqual(object.services, [{ prefix: 'SERVICE_', role: 'service' }]);
  assert.deepEqual(object.syncRealms[0]?.clusters, { HERE: 'http://10.0.0.1:8080/v1/' });
});

test('the command line comes before the file', () => {
  const { listen } = read('listen = "127.0.0.1:6000"', '[::1]:7000');
  assert.deepEqual(listen, { host: '::1', port: 7000 });
});

test('an address that others can reach is served over TLS', () => {
  assert.equal(configurationRead(null, '192.0.2.7:5000').publicUrl, 'https://192.0.2.7:5000');
  assert.equal(configurationRead(null, '192.0.2.7:5000').tls, true);
  assert.equal(configurationRead(null, 'localhost:5000').tls, false);
});

test('a catalog can only name an address that a client can use', () => {
  assert.doesNotMatch(configurationRead(null, '0.0.0.0:5000').publicUrl, /0\.0\.0\.0/);
});

const refused: readonly { text: string; says: RegExp }[] = [
  {
    text: '[object.bytes]\nendpoint = "http://10.0.0.2:7480"\n',
    says: /object\.bytes needs endpoint, bucket, access_key and secret_file/,
  },
  {
    text: '# a comment\n\nlisen = "127.0.0.1:5000"',
    says: /welkin\.toml:3: unknown key "lisen"; the keys at the top of the file are listen, /,
  },
  {
    text: 'region = "R"\n[log]\n\nlevel = "loud"',
    says: /welkin\.toml:4: log\.level: "loud" is not allowed; it must be one of "debug", "info", /,
  },
  {
    text: '[hypervisor]\ntb_size_mib = 4',
    says: /welkin\.toml:2: hypervisor\.tb_size_mib: 4 is not allowed; it must be a whole number from 8 to 1024/,
  },
  {
    text: '[token]\nlife = 3',
    says: /welkin\.toml:2: unknown key "token\.life"; the keys in \[token\] are life_sec/,
  },
  { text: '\nlisten = "5000"', says: /welkin\.toml:2: listen: "5000" is not .* HOST:PORT/ },
  { text: 'listen = "127.0.0.1:70000"', says: /welkin\.toml:1: listen: / },
  { text: 'demo = "yes"', says: /welkin\.toml:1: demo: "yes" is not .* must be true or false/ },
  { text: 'external = 3', says: /welkin\.toml:1: external: 3 .* a table with the keys name, cidr/ },
  { text: '[dns]\nservers = ["9.9.9.9", "dns"]', says: /welkin\.toml:2: dns\.servers\.1: "dns" / },
  { text: '[external]\ncidr = "10.0.0.1/24"', says: /welkin\.toml:2: external\.cidr: / },
  { text: '[external]\ncidr = "10.0.0.0/30"', says: /welkin\.toml:2: external\.cidr: / },
  {
    text: '[external]\nhost_address = "10.0.0.1"',
    says: /welkin\.toml:2: external\.host_address: "10\.0\.0\.1" is not an address inside 172\.24\.4\.0/,
  },
  {
    text: '[external]\nallocation = "172.24.4.9-172.24.4.8"',
    says: /welkin\.toml:2: external\.allocation: /,
  },
  {
    text: '[password]\nparallelism = 4\nmemory_kib = 31',
    says: /welkin\.toml:3: password\.memory_kib: 31 .* at least 32/,
  },
  {
    text: '[identity.oidc.sso]\nissuer = "http://sso.example"\nclient_id = "c"',
    says: /welkin\.toml:2: identity\.oidc\.sso\.issuer: .* must be an https address/,
  },
  {
    text: '[identity.oidc.sso]\nissuer = "https://sso.example"',
    says: /identity\.oidc\.sso\.audience: tokens for others would open the cloud/,
  },
  {
    text: '[identity]\ntrusted_dashboard = ["http://dashboard.example/auth/websso/"]',
    says: /welkin\.toml:2: identity\.trusted_dashboard/,
  },
  { text: 'listen = \n', says: /welkin\.toml:1: not TOML: / },
  { text: 'demo = true\ndemo = false', says: /welkin\.toml:2: not TOML: / },
];

for (const { text, says } of refused) {
  test(`${JSON.stringify(text)} is refused with file, line, key and what is allowed`, () => {
    assert.throws(
      () => read(text),
      (error) => {
        assert.ok(error instanceof ConfigError);
        assert.match(error.message, says);
        return true;
      },
    );
  });
}

test('every wrong key is named at once, in the order of the file', () => {
  assert.throws(
    () => read('first = 1\n[log]\nlevel = 2\nsecond = 3'),
    (error) => {
      assert.ok(error instanceof ConfigError);
      assert.deepEqual(
        error.faults.map(({ line, key }) => [line, key]),
        [
          [1, 'first'],
          [3, 'log.level'],
          [4, 'log.second'],
        ],
      );
      return true;
    },
  );
});

test('a wrong --listen and a missing file are the words of the person, not of a file', () => {
  assert.throws(() => read('', 'nowhere'), UserError);
  assert.throws(() => configurationRead(join(folder, 'absent.toml')), /absent\.toml \(ENOENT\)/);
});

test('a configuration is the same after it was handed to another program', () => {
  const configuration = read(
    '[identity]\npassword_regex = "^.{7,}$"\n[audit]\nsyslog = "udp://a:514"',
  );
  assert.equal(configuration.identity.compliance.passwordPattern, '^.{7,}$');
  assert.deepEqual(JSON.parse(JSON.stringify(configuration)), configuration);
});
