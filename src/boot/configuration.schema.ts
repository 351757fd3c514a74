import { DirectoryOptionsSchema } from '../engines/ldap/options.ts';
import { OidcOptionsSchema, safeUrlPattern } from '../engines/oidc/options.ts';
import { logLevels } from '../kernel/log.ts';
import { Type } from '../kernel/type.ts';
import { ImageSchema } from './image-configuration.ts';
import { ObjectSchema } from './object-configuration.ts';

const IPv4 = '(?:\\d{1,3}\\.){3}\\d{1,3}';

/** Every key of `welkin.toml`; the table in docs/operating.md is made from this. */
export const ConfigurationSchema = Type.Object(
  {
    listen: Type.String({
      default: '127.0.0.1:5000',
      description:
        'Where the API listens. An address that is not loopback is served over TLS only.',
      allowed: 'HOST:PORT, such as "127.0.0.1:5000" or "[::]:5000"',
    }),
    public_url: Type.String({
      default: '',
      pattern: '^(https?://[^/\\s]+)?$',
      description:
        'The address of the API that the service catalog names. Empty: made from `listen`.',
      allowed: 'empty, or http(s)://HOST:PORT without a path',
    }),
    region: Type.String({
      default: 'RegionOne',
      pattern: '^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$',
      description: 'Name of the region in the service catalog.',
      allowed: 'up to 64 letters, digits, ".", "_" and "-"',
    }),
    demo: Type.Boolean({
      default: true,
      description: 'Make a project `demo` with a user, a network and a router at the first start.',
    }),
    policy_file: Type.String({
      default: '',
      description:
        'File with access rules (`"compute:get": "role:reader"`) that replace the built-in ones.',
      allowed: 'empty, or the absolute path of a file',
      pattern: '^(/.*)?$',
    }),
    external: Type.Object(
      {
        name: Type.String({
          default: 'public',
          minLength: 1,
          maxLength: 255,
          description: 'Name of the external network made at the first start.',
        }),
        cidr: Type.String({
          default: '172.24.4.0/24',
          pattern: `^${IPv4}/\\d{1,2}$`,
          description: 'Its range. Two clouds on one machine need two ranges.',
          allowed: 'an IPv4 range such as "172.24.4.0/24"',
        }),
        host_address: Type.String({
          default: '',
          pattern: `^(${IPv4})?$`,
          description:
            'Address of this machine in it, the gateway of routers. Empty: the first of the range.',
          allowed: 'empty, or an IPv4 address inside `external.cidr`',
        }),
        allocation: Type.String({
          default: '',
          pattern: `^(${IPv4}-${IPv4})?$`,
          description: 'Addresses for routers and floating IPs. Empty: all but the host address.',
          allowed:
            'empty, or FIRST-LAST inside `external.cidr`, such as "172.24.4.10-172.24.4.250"',
        }),
      },
      { additionalProperties: false, default: {}, description: 'The external network.' },
    ),
    capacity: Type.Object(
      {
        cpu_ratio: ratio(4, 'Virtual CPUs promised for each CPU of the host.'),
        ram_ratio: ratio(1, 'Memory promised for each MiB of the host.'),
        disk_ratio: ratio(1, 'Disk promised for each GiB of the host.'),
      },
      { additionalProperties: false, default: {}, description: 'How far a host is oversold.' },
    ),
    hypervisor: Type.Object(
      {
        accel: Type.Union([Type.Literal('auto'), Type.Literal('kvm'), Type.Literal('tcg')], {
          default: 'auto',
          description: '`auto` uses KVM where a probe guest really runs, else emulation.',
        }),
        tb_size_mib: Type.Integer({
          default: 64,
          minimum: 8,
          maximum: 1024,
          description:
            'Translation cache of an emulated guest: more is faster and costs memory per guest.',
        }),
      },
      { additionalProperties: false, default: {}, description: 'How guests run.' },
    ),
    dns: Type.Object(
      {
        servers: Type.Array(
          Type.String({ pattern: '^[0-9a-fA-F.:]+$', allowed: 'an IP address' }),
          {
            default: [],
            description: 'Resolvers that answer for guests. Empty: those of /etc/resolv.conf.',
          },
        ),
      },
      { additionalProperties: false, default: {}, description: 'Names outside the cloud.' },
    ),
    password: Type.Object(
      {
        memory_kib: Type.Integer({
          default: 19_456,
          minimum: 8,
          maximum: 1_048_576,
          description: 'Memory of one argon2id hash.',
        }),
        passes: Type.Integer({ default: 2, minimum: 1, maximum: 100, description: 'Its passes.' }),
        parallelism: Type.Integer({
          default: 1,
          minimum: 1,
          maximum: 16,
          description: 'Its lanes.',
        }),
      },
      { additionalProperties: false, default: {}, description: 'How passwords are hashed.' },
    ),
    directory: Type.Record(Type.String(), DirectoryOptionsSchema, {
      default: {},
      description: 'Directories by the name of their domain.',
    }),
    audit: Type.Object(
      {
        syslog: Type.String({
          default: '',
          description: 'Server that gets each audit event as well (RFC 5424).',
          allowed: 'empty, or "udp://HOST:514", "tcp://HOST:514", "tls://HOST:6514"',
        }),
        syslog_cacertfile: Type.String({
          default: '',
          pattern: '^(/.*)?$',
          description:
            "CA of its certificate; a file that everybody may read. Empty: the system's.",
          allowed: 'empty, or the absolute path of a file',
        }),
      },
      { additionalProperties: false, default: {}, description: 'The audit trail.' },
    ),
    identity: Type.Object(
      {
        lockout_failure_attempts: count(
          0,
          'Wrong passwords in a row that lock an account. 0: none.',
        ),
        lockout_duration: count(1_800, 'Seconds until it opens by itself. 0: never.'),
        disable_user_account_days_inactive: count(
          0,
          'Days without a log-in after which a user is disabled. 0: never.',
        ),
        password_expires_days: count(0, 'Days after which a password must be changed. 0: never.'),
        unique_last_password_count: count(
          0,
          'How many passwords of a user in a row must differ. 0: no such rule.',
        ),
        minimum_password_age: count(0, 'Days before its owner may change a password again.'),
        password_regex: Type.String({
          default: '',
          description: 'What a new password must match. Empty: anything.',
          allowed: 'empty, or a regular expression such as `^(?=.*\\d)(?=.*[a-zA-Z]).{7,}$`',
        }),
        password_regex_description: Type.String({
          default: '',
          description: 'The same in words, for whoever chose another.',
        }),
        change_password_upon_first_use: Type.Boolean({
          default: false,
          description: 'A password that an administrator set must be changed before it logs in.',
        }),
        limit_model: Type.Union([Type.Literal('flat'), Type.Literal('strict_two_level')], {
          default: 'flat',
          description: 'Whether unified limits of a domain bound those of its projects.',
        }),
        max_project_tree_depth: Type.Integer({
          default: 5,
          minimum: 1,
          maximum: 20,
          description: 'How many projects may stand below one another.',
        }),
        trusted_dashboard: Type.Array(
          Type.String({
            pattern: safeUrlPattern,
            maxLength: 1_000,
            allowed: 'an https address such as "https://dashboard.example/auth/websso/"',
          }),
          {
            default: [],
            description: 'Dashboards that get the token of a browser that logged in at a provider.',
          },
        ),
        oidc: Type.Record(Type.String(), OidcOptionsSchema, {
          default: {},
          description: 'OpenID providers by names of your own.',
        }),
      },
      {
        additionalProperties: false,
        default: {},
        description: "Users and projects, by the names of Keystone's options.",
      },
    ),
    token: Type.Object(
      {
        life_sec: Type.Integer({
          default: 3600,
          minimum: 60,
          maximum: 31_536_000,
          description: 'How long a token is valid.',
        }),
      },
      { additionalProperties: false, default: {}, description: 'Tokens.' },
    ),
    log: Type.Object(
      {
        level: Type.Union(
          logLevels.map((level) => Type.Literal(level)),
          { default: 'info', description: 'What is written to the logs.' },
        ),
      },
      { additionalProperties: false, default: {}, description: 'Logs.' },
    ),
    object: ObjectSchema,
    image: ImageSchema,
    database: Type.Object(
      {
        url: Type.String({
          default: 'sqlite',
          pattern: '^(sqlite|postgres(ql)?://.+)$',
          description:
            'Where the cloud keeps its records. `sqlite` is a file in the state directory.',
          allowed: '"sqlite" or "postgres://USER:PASSWORD@HOST:PORT/DATABASE"',
        }),
      },
      { additionalProperties: false, default: {}, description: 'The database.' },
    ),
  },
  { additionalProperties: false },
);

function count(value: number, description: string) {
  return Type.Integer({ default: value, minimum: 0, maximum: 2_147_483_647, description });
}

function ratio(value: number, description: string) {
  return Type.Number({ default: value, minimum: 0.1, maximum: 64, description });
}
