import { globSync, readFileSync } from 'node:fs';

/** One program whose tests are counted. */
export interface Step {
  readonly name: string;
  readonly argv: readonly string[];
  /** `node`: a run of node:test. `line`: prints its own sum last. `exit`: one test, passed when it ends with 0. */
  readonly counts: 'node' | 'line' | 'exit';
  /** A program that runs the step in surroundings of its own. */
  readonly within?: string;
}

export interface Suite {
  readonly name: string;
  readonly about: string;
  /** The suite's tests use one cloud that the runner starts and removes. */
  readonly cloud: boolean;
  readonly needsRoot: boolean;
  /** Runs when it is named or all is asked for. */
  readonly long?: true;
  /** A suite that hangs is ended. */
  readonly limitMin: number;
  readonly steps: () => readonly Step[];
}

/** Where tests look for the image of a small Linux guest. */
const tinyImagePath = '.state/tiny.qcow2';

const nodeTests = (name: string, pattern: string): readonly Step[] => {
  const files = globSync(pattern).toSorted();
  if (files.length === 0) return [];
  return [{ name, counts: 'node', argv: ['--test-concurrency=1', ...files] }];
};

const guestImage: Step = {
  name: 'guest image',
  counts: 'exit',
  argv: [process.execPath, 'src/main.ts', 'image', 'build', 'tiny', '--output', tinyImagePath],
};

/** Where nothing of this machine's network and processes is seen. */
const inNamespaces = (steps: readonly Step[]): readonly Step[] =>
  steps.map((step) => ({ ...step, within: 'test/support/in-namespaces' }));

/** Programs beside the tests that run a suite of others, such as Tempest, and count for themselves. */
const countingPrograms = (pattern: string): readonly Step[] =>
  globSync(pattern)
    .toSorted()
    .map((path) => ({ name: path, counts: 'line', argv: [path] }));

export const suites: readonly Suite[] = [
  {
    name: 'check',
    about: 'types, lint and format',
    cloud: false,
    needsRoot: false,
    limitMin: 20,
    steps: () => [
      { name: 'types', counts: 'exit', argv: ['tsc', '-p', '.'] },
      {
        name: 'lint',
        counts: 'exit',
        argv: ['oxlint', '--type-aware', '--deny-warnings', 'src', 'test', 'tools'],
      },
      { name: 'format', counts: 'exit', argv: ['oxfmt', '--check', 'src', 'test', 'tools'] },
    ],
  },
  {
    name: 'unit',
    about: 'every part by itself, in one program',
    cloud: false,
    needsRoot: false,
    limitMin: 20,
    steps: () => [{ name: 'unit', counts: 'node', argv: unitWords() }],
  },
  {
    name: 'unit-late',
    about:
      'the same while timers, files, sockets and databases answer late at random (by name or with --all)',
    cloud: false,
    needsRoot: false,
    long: true,
    limitMin: 40,
    steps: () => [
      {
        name: 'unit-late',
        counts: 'node',
        argv: ['--import', './test/support/jitter.ts', ...unitWords()],
      },
    ],
  },
  {
    name: 'postgres',
    about: 'the database suite on a PostgreSQL of its own',
    cloud: false,
    needsRoot: false,
    limitMin: 20,
    steps: () => nodeTests('postgres', 'test/postgres/**/*.test.ts'),
  },
  {
    name: 'directory',
    about: 'users of a real OpenLDAP and a real Active Directory (Samba)',
    cloud: false,
    needsRoot: true,
    limitMin: 30,
    steps: () => inNamespaces(nodeTests('directory', 'test/directory/**/*.test.ts')),
  },
  {
    name: 'peers',
    about:
      'a real rsyslog that gets the audit trail, a real Keystone: its database is imported, its mappings mean the same; the log-in of a real Horizon',
    cloud: false,
    needsRoot: true,
    limitMin: 30,
    steps: () => nodeTests('peers', 'test/peers/**/*.test.ts'),
  },
  {
    name: 'routes',
    about: 'every route of identity by every persona, and with thousands of odd requests',
    cloud: false,
    needsRoot: false,
    limitMin: 15,
    steps: () => nodeTests('routes', 'test/routes/*.test.ts'),
  },
  {
    name: 'routes-long',
    about: 'the same with a hundred thousand odd requests (by name or with --all)',
    cloud: false,
    needsRoot: false,
    long: true,
    limitMin: 60,
    steps: () => nodeTests('routes', 'test/routes/long/*.test.ts'),
  },
  {
    name: 'dataplane',
    about: 'networks, guards and guests of one host, without control',
    cloud: false,
    needsRoot: true,
    limitMin: 30,
    steps: () => [
      guestImage,
      ...nodeTests('package mirror', 'test/mirror/**/*.test.ts'),
      ...inNamespaces(nodeTests('dataplane', 'test/dataplane/**/*.test.ts')),
    ],
  },
  {
    name: 'swift',
    about: "Swift's own functional tests on a stand-alone store (by name or with --all)",
    cloud: false,
    needsRoot: true,
    long: true,
    limitMin: 30,
    steps: () => countingPrograms('test/swift/*.suite.ts'),
  },
  {
    name: 'contract',
    about: 'stock clients on a cloud of its own',
    cloud: true,
    needsRoot: true,
    limitMin: 60,
    steps: () => [...nodeTests('contract', 'test/contract/**/*.test.ts')],
  },
  {
    name: 'object',
    about: 'stock S3 clients on object stores of their own',
    cloud: false,
    needsRoot: false,
    limitMin: 60,
    steps: () => nodeTests('object', 'test/object-clients/**/*.test.ts'),
  },
  {
    name: 'ceph',
    about: 'an object store whose bytes are in a Ceph of its own (by name or with --all)',
    cloud: false,
    needsRoot: true,
    long: true,
    limitMin: 30,
    steps: () => nodeTests('ceph', 'test/ceph/*.test.ts'),
  },
  {
    name: 'tempest',
    about: "OpenStack's own test suite: its smoke list and what is quick",
    cloud: true,
    needsRoot: true,
    limitMin: 60,
    steps: () => countingPrograms('test/tempest/*.suite.ts'),
  },
  {
    name: 'tempest-long',
    about: "OpenStack's own test suite: whole services, with guests (hours; by name or with --all)",
    cloud: true,
    needsRoot: true,
    long: true,
    limitMin: 240,
    steps: () => countingPrograms('test/tempest/long/*.suite.ts'),
  },
  {
    name: 'fault',
    about: 'programs killed, power cut, disks filled',
    cloud: false,
    needsRoot: true,
    limitMin: 60,
    steps: () => [
      guestImage,
      ...inNamespaces(nodeTests('machine', 'test/fault/machine/*.test.ts')),
      ...nodeTests('fault', 'test/fault/*.test.ts'),
    ],
  },
];

/** package.json says which tests these are; the runner adds its own reporters to the same words. */
function unitWords(): string[] {
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as {
    scripts: { unit: string };
  };
  const words = [...scripts.unit.matchAll(/'([^']*)'|(\S+)/g)].map(
    ([, quoted, bare]) => quoted ?? bare ?? '',
  );
  return words.filter((word) => word !== 'node' && word !== '--test');
}
