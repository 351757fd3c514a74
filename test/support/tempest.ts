/** Tempest, OpenStack's own test suite (Debian's package), pointed at a cloud of ours. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Cloud } from './cloud.ts';

const execute = promisify(execFile);

export interface TempestResult {
  /** Ids without their attributes. */
  readonly passed: readonly string[];
  readonly failed: readonly string[];
  readonly skipped: readonly string[];
}

export interface TempestOptions {
  /** Everything it writes: configuration, logs, the stream of results. */
  readonly directory: string;
  /** Which of Tempest's test ids to run. */
  readonly select: (id: string) => boolean;
  readonly concurrency: number;
  /** Logs into guests. */
  readonly ssh: boolean;
  /** Where the cloud may download an image from; without it imports are left out. */
  readonly httpImage?: string;
  /** Rules for passwords and log-ins that the cloud has; without it the tests of them are left out. */
  readonly compliance?: ComplianceRules;
  /** Images of the cloud show where they lie. */
  readonly showsLocations?: boolean;
}

export interface ComplianceRules {
  readonly lockoutFailures: number;
  readonly lockoutSec: number;
  readonly uniquePasswords: number;
}

const environment = (directory: string): NodeJS.ProcessEnv => ({
  ...process.env,
  TEMPEST_CONFIG_DIR: join(directory, 'etc'),
  TEMPEST_CONFIG: 'tempest.conf',
  // stestr starts its workers with the first python of the path otherwise.
  PYTHON: '/usr/bin/python3',
  PYTHONWARNINGS: 'ignore',
  OS_TEST_TIMEOUT: '1200',
});

export async function tempestRun(cloud: Cloud, options: TempestOptions): Promise<TempestResult> {
  const { directory, concurrency } = options;
  for (const name of ['etc', 'lock', 'log']) mkdirSync(join(directory, name), { recursive: true });
  writeFileSync(join(directory, 'etc', 'tempest.conf'), await configurationText(cloud, options));
  const tempest = '/usr/lib/python3/dist-packages/tempest';
  writeFileSync(
    join(directory, '.stestr.conf'),
    `[DEFAULT]\ntest_path=${tempest}/test_discover\ntop_dir=${tempest}\ngroup_regex=([^\\.]*\\.)*\n`,
  );
  const env = environment(directory);
  await execute('/usr/bin/stestr', ['init'], { cwd: directory, env }).catch(() => {});
  const listed = await execute('/usr/bin/stestr', ['list'], {
    cwd: directory,
    env,
    maxBuffer: 16 << 20,
  });
  const ids = listed.stdout
    .split('\n')
    .filter((line) => line.startsWith('tempest.') && options.select(line));
  writeFileSync(join(directory, 'ids'), `${ids.join('\n')}\n`);
  const words = ['run', '--subunit', '--concurrency', String(concurrency), '--load-list', 'ids'];
  const stream = createWriteStream(join(directory, 'results.subunit'));
  const run = spawn('/usr/bin/stestr', words, {
    cwd: directory,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  run.stdout.pipe(stream);
  await once(stream, 'close');
  return resultOf(directory, ids);
}

const bare = (id: string): string => id.replace(/\[[^\]]*\]$/, '');
const classOf = (id: string): string =>
  bare(id)
    .replace(/\([^)]*\)$/, '')
    .replace(/\.[^.]*$/, '');

async function resultOf(directory: string, ids: readonly string[]): Promise<TempestResult> {
  const { stdout } = await execute(
    'sh',
    ['-c', '/usr/bin/subunit2csv --no-passthrough < results.subunit || true'],
    { cwd: directory, maxBuffer: 64 << 20 },
  );
  const statuses = new Map<string, string>();
  for (const line of stdout.split('\n').slice(1)) {
    const [id = '', status = ''] =
      /^(?:"([^"]*)"|([^,]*)),([a-z]+)/.exec(line)?.slice(1).filter(Boolean) ?? [];
    if (id !== '') statuses.set(bare(id), status);
  }
  const outcome = (id: string): 'passed' | 'failed' | 'skipped' => {
    const status = statuses.get(bare(id)) ?? statuses.get(`setUpClass (${classOf(id)})`);
    if (status === 'success' || status === 'xfail') return 'passed';
    return status === 'skip' ? 'skipped' : 'failed';
  };
  const of = (wanted: string): string[] => ids.filter((id) => outcome(id) === wanted).map(bare);
  return { passed: of('passed'), failed: of('failed'), skipped: of('skipped') };
}

const resellerRole = 'ResellerAdmin';

type Settings = Readonly<Record<string, Readonly<Record<string, string | number | boolean>>>>;

async function configurationText(cloud: Cloud, options: TempestOptions): Promise<string> {
  const settings = await settingsOf(cloud, options);
  return Object.entries(settings)
    .map(([section, values]) => {
      const lines = Object.entries(values).map(([name, value]) => `${name} = ${String(value)}`);
      return `[${section}]\n${lines.join('\n')}\n`;
    })
    .join('\n');
}

async function settingsOf(
  cloud: Cloud,
  { directory, ssh, httpImage, compliance, showsLocations = false }: TempestOptions,
): Promise<Settings> {
  const json = (...words: string[]) => cloud.openstack('welkin', ...words, '-f', 'json');
  const openrc = readFileSync(join(cloud.stateDir, 'openrc'), 'utf8');
  const password = /OS_PASSWORD="([^"]+)"/.exec(openrc)?.[1] ?? '';
  const [tiny, external, extensions] = [
    await json('image', 'show', 'tiny'),
    await json('network', 'show', 'public'),
    await json('extension', 'list', '--network'),
  ];
  const flavor = async (name: string, ram: string): Promise<string> => {
    const made = await json('flavor', 'show', name).catch(() =>
      json('flavor', 'create', '--ram', ram, '--disk', '1', '--vcpus', '1', name),
    );
    return made.id;
  };
  // Who sets quotas of accounts; an operator makes the role where there is none.
  await json('role', 'show', resellerRole).catch(() => json('role', 'create', resellerRole));
  const v3 = `${cloud.apiUrl}/identity/v3`;
  return {
    DEFAULT: { log_dir: join(directory, 'log'), log_file: 'tempest.log', use_stderr: false },
    oslo_concurrency: { lock_path: join(directory, 'lock') },
    'service-clients': { http_timeout: 120 },
    auth: {
      use_dynamic_credentials: true,
      create_isolated_networks: true,
      tempest_roles: 'member',
      admin_username: 'admin',
      admin_password: password,
      admin_project_name: 'admin',
      admin_domain_name: 'Default',
      default_credentials_domain_name: 'Default',
    },
    identity: {
      uri_v3: v3,
      uri: v3,
      auth_version: 'v3',
      region: 'RegionOne',
      admin_role: 'admin',
      ...(compliance !== undefined && {
        user_lockout_failure_attempts: compliance.lockoutFailures,
        user_lockout_duration: compliance.lockoutSec,
        user_unique_last_password_count: compliance.uniquePasswords,
      }),
    },
    'identity-feature-enabled': {
      api_v2: false,
      api_v2_admin: false,
      api_v3: true,
      access_rules: true,
      security_compliance: compliance !== undefined,
    },
    service_available: {
      cinder: false,
      swift: true,
      horizon: false,
      glance: true,
      nova: true,
      neutron: true,
    },
    image: {
      region: 'RegionOne',
      image_caching_enabled: true,
      ...(httpImage !== undefined && { http_image: httpImage }),
    },
    'image-feature-enabled': {
      api_v1: false,
      api_v2: true,
      import_image: httpImage !== undefined,
      os_glance_reserved: true,
      manage_locations: showsLocations,
    },
    compute: {
      image_ref: tiny.id,
      image_ref_alt: tiny.id,
      flavor_ref: await flavor('test-nano', '128'),
      flavor_ref_alt: await flavor('test-micro', '192'),
      min_compute_nodes: 1,
      build_timeout: 600,
      ready_wait: 0,
      max_microversion: '2.96',
    },
    'compute-feature-enabled': {
      resize: false,
      cold_migration: false,
      live_migration: false,
      shelve: false,
      rescue: false,
      personality: false,
      vnc_console: false,
      swap_volume: false,
      attach_encrypted_volume: false,
      ide_bus: false,
      config_drive: true,
    },
    network: {
      public_network_id: external.id,
      floating_network_name: 'public',
      project_network_cidr: '10.100.0.0/16',
      project_network_mask_bits: 28,
    },
    'network-feature-enabled': {
      ipv6: true,
      ipv6_subnet_attributes: true,
      floating_ips: true,
      port_security: true,
      api_extensions: extensions.map(({ Alias }: { Alias: string }) => Alias).join(','),
    },
    validation: {
      run_validation: ssh,
      connect_method: 'floating',
      image_ssh_user: 'cirros',
      image_ssh_password: 'gocubsgo',
      network_for_ssh: 'public',
      connect_timeout: 60,
      ssh_timeout: 600,
      ping_timeout: 300,
    },
    'object-storage': { reseller_admin_role: resellerRole, container_sync_timeout: 60 },
    scenario: { dhcp_client: 'udhcpc' },
  };
}
