/**
 * Swift's own functional tests (Debian's source package, unmodified) on a stand-alone store. The last line counts. They
 * need root once, to install what they import.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { freePort } from '../support/free-port.ts';

const packages = [
  'python3-swift',
  'python3-mock',
  'python3-boto',
  'python3-boto3',
  'python3-pytest',
];

const cache = resolve('.state', 'swift');

function packagesEnsure(): void {
  const missing = packages.filter(
    (name) => spawnSync('dpkg', ['-s', name], { stdio: 'ignore' }).status !== 0,
  );
  if (missing.length === 0) return;
  execFileSync('apt-get', ['install', '-y', '--no-install-recommends', ...missing], {
    stdio: 'ignore',
  });
}

/** The source package, fetched with a source list of its own: the machine's need name no sources. */
function sourceEnsure(): string {
  const source = join(cache, 'source');
  if (existsSync(join(source, 'test', 'functional', 'tests.py'))) return source;
  rmSync(cache, { recursive: true, force: true });
  mkdirSync(join(cache, 'lists', 'partial'), { recursive: true });
  const list = join(cache, 'sources.list');
  const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';
  // The release itself, from the mirror that this machine uses.
  const format = ['indextargets', '--format', '$(REPO_URI) $(RELEASE) $(COMPONENT)'];
  const targets = execFileSync('apt-get', [...format, 'Created-By: Packages'], {
    encoding: 'utf8',
  });
  const lines = targets.split('\n').filter((line) => /^\S+ [^ -]+ main$/.test(line));
  const sources = [...new Set(lines)].map((line) => `deb-src [signed-by=${keyring}] ${line}\n`);
  writeFileSync(list, sources.join(''));
  const options = [
    ...['-o', `Dir::Etc::sourcelist=${list}`, '-o', 'Dir::Etc::sourceparts=-'],
    ...['-o', `Dir::State::lists=${join(cache, 'lists')}`, '-o', 'APT::Sandbox::User=root'],
  ];
  const run = { cwd: cache, stdio: 'ignore' } as const;
  execFileSync('apt-get', [...options, 'update'], run);
  execFileSync('apt-get', [...options, 'source', '--download-only', 'swift'], run);
  execFileSync('sh', ['-c', 'dpkg-source --no-check -x swift_*.dsc source'], run);
  return source;
}

const users = [
  'test:tester:testing',
  'test:tester2:testing2',
  'test:tester3:testing3:',
  'test2:tester2:testing2',
  'test5:tester5:testing5:service',
  'test:tester6:testing6:.reseller_admin',
];

const configuration = (port: number): string => `[func_test]
auth_uri = http://127.0.0.1:${port}/auth/v1.0
account = test
username = tester
password = testing
account2 = test2
username2 = tester2
password2 = testing2
username3 = tester3
password3 = testing3
account6 = test
username6 = tester6
password6 = testing6
collate = C
storage_domain = example.com
[unit_test]
fake_syslog = False
`;

async function until(ready: () => Promise<boolean>): Promise<void> {
  for (let left = 300; left > 0; left--) {
    if (await ready().catch(() => false)) return;
    await new Promise((done) => setTimeout(done, 200));
  }
  throw new Error('the store does not answer');
}

const count = (report: string, name: string): number =>
  Number(new RegExp(`<testsuite [^>]*\\b${name}="(\\d+)"`).exec(report)?.[1] ?? 0);

packagesEnsure();
const source = sourceEnsure();
const scratch = mkdtempSync(join(tmpdir(), 'swift-'));
const port = await freePort();
const words = ['object', '--data', join(scratch, 'data'), '--listen', `127.0.0.1:${port}`];
const options = [...users.flatMap((user) => ['--tempauth', user]), '--swift-domain', 'example.com'];
const store = spawn(process.execPath, ['src/main.ts', ...words, ...options], { stdio: 'ignore' });
try {
  await until(async () => (await fetch(`http://127.0.0.1:${port}/healthcheck`)).ok);
  const config = join(scratch, 'test.conf');
  writeFileSync(config, configuration(port));
  const report = join(scratch, 'report.xml');
  const files = [
    'tests.py',
    ...['account', 'container', 'object', 'dlo', 'slo', 'symlink', 'tempurl'].map(
      (name) => `test_${name}.py`,
    ),
  ];
  const more = [
    'versioned_writes',
    'object_versioning',
    'staticweb',
    'domain_remap',
    'access_control',
  ];
  const paths = [...files, ...more.map((name) => `test_${name}.py`)].map(
    (name) => `test/functional/${name}`,
  );
  const pytest = [
    '-m',
    'pytest',
    '-q',
    '-c',
    '/dev/null',
    `--rootdir=${source}`,
    '-p',
    'no:cacheprovider',
    '--tb=short',
  ];
  const args = [...pytest, `--junitxml=${report}`, ...paths];
  const run = spawn('/usr/bin/python3', args, {
    cwd: source,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: {
      ...process.env,
      SWIFT_TEST_CONFIG_FILE: config,
      PYTHONPATH: source,
      PYTHONWARNINGS: 'ignore',
    },
  });
  await new Promise((done) => run.once('close', done));
  const xml = readFileSync(report, 'utf8');
  const [tests, failures, errors, skipped] = ['tests', 'failures', 'errors', 'skipped'].map(
    (name) => count(xml, name),
  );
  const failed = (failures ?? 0) + (errors ?? 0);
  console.log(
    `${(tests ?? 0) - failed - (skipped ?? 0)} passed, ${failed} failed, ${skipped ?? 0} skipped`,
  );
  process.exitCode = failed === 0 ? 0 : 1;
} finally {
  store.kill('SIGTERM');
  await new Promise((done) => store.once('close', done));
  rmSync(scratch, { recursive: true, force: true });
}
