import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { Type, type Static } from 'typebox';
import { DirectoryOptionsSchema } from '../engines/ldap/options.ts';
import type { DirectoryOptions } from '../identity/directory.model.ts';
import { configParse, type ConfigFile } from '../kernel/config.ts';
import { logLevels, type LogLevel } from '../kernel/log.ts';
import { syslogAddressParse, type SyslogAddress } from './audit-syslog.ts';
import type { Compliance } from '../identity/compliance.model.ts';
import { UserError } from './command.ts';
import {
  imageConfigurationOf,
  ImageSchema,
  type ImageConfiguration,
} from './image-configuration.ts';
import {
  addressNumber,
  cidrParse,
  isLoopback,
  isWildcard,
  listenParse,
  listenText,
  ownAddresses,
  type Listen,
} from './addresses.ts';

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
    object: Type.Object(
      {
        listen: Type.String({
          default: '',
          description:
            'Where the object store listens. Empty: the host of `listen`, its port and 3080 more (8080).',
          allowed: 'empty, or HOST:PORT, such as "127.0.0.1:8080"',
        }),
        public_url: Type.String({
          default: '',
          pattern: '^(https?://[^/\\s]+)?$',
          description: 'Its address in the service catalog. Empty: made from `object.listen`.',
          allowed: 'empty, or http(s)://HOST:PORT without a path',
        }),
        workers: Type.Integer({
          default: 1,
          minimum: 1,
          maximum: 64,
          description: 'Processes that share its port.',
        }),
        s3_domains: domains('Buckets are also reached as BUCKET.DOMAIN.'),
        swift_domains: domains('Containers are also reached as CONTAINER.ACCOUNT.DOMAIN.'),
      },
      { additionalProperties: false, default: {}, description: 'The object store.' },
    ),
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

function domains(description: string) {
  return Type.Array(
    Type.String({ pattern: '^[a-z0-9][a-z0-9.-]*$', allowed: 'a name in lower case' }),
    { default: [], description },
  );
}

function count(value: number, description: string) {
  return Type.Integer({ default: value, minimum: 0, maximum: 2_147_483_647, description });
}

function ratio(value: number, description: string) {
  return Type.Number({ default: value, minimum: 0.1, maximum: 64, description });
}

/** `welkin.toml` and the command line, checked, with every default filled in. */
export interface Configuration {
  readonly listen: Listen;
  /** TLS whenever the address can be reached from another machine. */
  readonly tls: boolean;
  /** Without a slash at the end. */
  readonly publicUrl: string;
  readonly region: string;
  readonly demo: boolean;
  readonly policyFile: string | null;
  readonly external: {
    readonly name: string;
    readonly cidr: string;
    readonly hostAddress: string;
    readonly allocationFirst: string;
    readonly allocationLast: string;
  };
  readonly capacity: {
    readonly cpuRatio: number;
    readonly ramRatio: number;
    readonly diskRatio: number;
  };
  readonly hypervisor: { readonly accel: 'auto' | 'kvm' | 'tcg'; readonly tbSizeMib: number };
  /** Empty: those of the machine. */
  readonly dnsServers: readonly string[];
  readonly password: {
    readonly memoryKib: number;
    readonly passes: number;
    readonly parallelism: number;
  };
  readonly object: {
    readonly listen: Listen;
    readonly tls: boolean;
    /** Without a slash at the end. */
    readonly publicUrl: string;
    readonly workers: number;
    readonly s3Domains: readonly string[];
    readonly swiftDomains: readonly string[];
  };
  /** By the name of the domain. */
  readonly directories: Readonly<Record<string, DirectoryOptions>>;
  readonly audit: {
    /** Null: the file only. */
    readonly syslog: SyslogAddress | null;
    readonly syslogCaFile: string | null;
  };
  readonly identity: {
    readonly compliance: Partial<Compliance>;
    readonly limitModel: 'flat' | 'strict_two_level';
    readonly projectDepthMax: number;
  };
  readonly tokenLifeSec: number;
  readonly logLevel: LogLevel;
  readonly image: ImageConfiguration;
  /** Null: SQLite in the state directory. */
  readonly databaseUrl: string | null;
}

type Raw = Static<typeof ConfigurationSchema>;

/** Reads a file (null: none, all defaults); what the command line says comes before the file's. */
export function configurationRead(
  path: string | null,
  listen?: string,
  objectListen?: string,
): Configuration {
  const text = path === null ? '' : fileRead(path);
  const file = configParse(ConfigurationSchema, text, path ?? 'welkin.toml');
  const raw = file.value;
  const address = listenOf(file, 'listen', listen);
  const tls = !isLoopback(address.host);
  return {
    listen: address,
    tls,
    publicUrl: raw.public_url === '' ? urlOf(address, tls) : raw.public_url,
    region: raw.region,
    demo: raw.demo,
    policyFile: raw.policy_file === '' ? null : raw.policy_file,
    external: externalOf(file),
    capacity: {
      cpuRatio: raw.capacity.cpu_ratio,
      ramRatio: raw.capacity.ram_ratio,
      diskRatio: raw.capacity.disk_ratio,
    },
    hypervisor: { accel: raw.hypervisor.accel, tbSizeMib: raw.hypervisor.tb_size_mib },
    dnsServers: raw.dns.servers,
    password: passwordOf(file),
    object: objectOf(file, address, objectListen),
    directories: raw.directory,
    audit: auditOf(file),
    identity: identityOf(file),
    tokenLifeSec: raw.token.life_sec,
    logLevel: raw.log.level,
    image: imageConfigurationOf(raw.image, (key, message) => file.refuse(key, message)),
    databaseUrl: raw.database.url === 'sqlite' ? null : raw.database.url,
  };
}

function fileRead(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new UserError(`cannot read the configuration ${path} (${code})`);
  }
}

function listenOf(
  file: ConfigFile<Raw>,
  key: 'listen' | 'object.listen',
  fromCommandLine: string | undefined,
): Listen {
  const { value } = file;
  const text = fromCommandLine ?? (key === 'listen' ? value.listen : value.object.listen);
  const listen = listenParse(text);
  if (listen !== null) return listen;
  const message = `${JSON.stringify(text)} is not allowed; it must be HOST:PORT, such as "127.0.0.1:5000" or "[::]:5000"`;
  if (fromCommandLine === undefined) throw file.refuse(key, message);
  throw new UserError(`--${key.replace('.', '-')}: ${message}`);
}

/** From 5000, where the API is, to 8080: a second cloud with an API of its own has an object store of its own. */
const objectPortBehind = 3080;

function objectOf(
  file: ConfigFile<Raw>,
  api: Listen,
  fromCommandLine: string | undefined,
): Configuration['object'] {
  const { object } = file.value;
  const isGiven = fromCommandLine !== undefined || object.listen !== '';
  const port = api.port + objectPortBehind;
  const listen = isGiven
    ? listenOf(file, 'object.listen', fromCommandLine)
    : { host: api.host, port: port > 65_535 ? port - 65_536 + 1024 : port };
  const tls = !isLoopback(listen.host);
  return {
    listen,
    tls,
    publicUrl: object.public_url === '' ? urlOf(listen, tls) : object.public_url,
    workers: object.workers,
    s3Domains: object.s3_domains,
    swiftDomains: object.swift_domains,
  };
}

/** A wildcard address is no address that a client can use: the machine's first stands for it. */
function urlOf({ host, port }: Listen, tls: boolean): string {
  const name = isWildcard(host) ? (ownAddresses()[0] ?? hostname()) : host;
  return `${tls ? 'https' : 'http'}://${listenText({ host: name, port })}`;
}

function auditOf(file: ConfigFile<Raw>): Configuration['audit'] {
  const { syslog, syslog_cacertfile: caFile } = file.value.audit;
  const address = syslog === '' ? null : syslogAddressParse(syslog);
  if (syslog !== '' && address === null)
    throw file.refuse('audit.syslog', `"${syslog}" is not udp://, tcp:// or tls:// with HOST:PORT`);
  return { syslog: address, syslogCaFile: caFile === '' ? null : caFile };
}

/** RFC 9106: eight KiB for each lane at least. */
function passwordOf(file: ConfigFile<Raw>): Configuration['password'] {
  const { memory_kib: memoryKib, passes, parallelism } = file.value.password;
  if (memoryKib >= 8 * parallelism) return { memoryKib, passes, parallelism };
  throw file.refuse(
    'password.memory_kib',
    `${memoryKib} is not allowed; with ${parallelism} lanes it must be at least ${8 * parallelism}`,
  );
}

function identityOf(file: ConfigFile<Raw>): Configuration['identity'] {
  const { identity: raw } = file.value;
  return {
    limitModel: raw.limit_model,
    projectDepthMax: raw.max_project_tree_depth,
    compliance: {
      lockoutFailures: raw.lockout_failure_attempts,
      lockoutMs: raw.lockout_duration * 1_000,
      inactiveDays: raw.disable_user_account_days_inactive,
      passwordExpiresDays: raw.password_expires_days,
      uniqueLastCount: raw.unique_last_password_count,
      minimumAgeDays: raw.minimum_password_age,
      passwordPattern: patternOf(file),
      passwordPatternText: raw.password_regex_description,
      changeUponFirstUse: raw.change_password_upon_first_use,
    },
  };
}

function patternOf(file: ConfigFile<Raw>): RegExp | null {
  const { password_regex: text } = file.value.identity;
  if (text === '') return null;
  try {
    return new RegExp(text, 'u');
  } catch {
    throw file.refuse('identity.password_regex', `"${text}" is not a regular expression`);
  }
}

function externalOf(file: ConfigFile<Raw>): Configuration['external'] {
  const { name, cidr, host_address, allocation } = file.value.external;
  const range = cidrParse(cidr);
  if (range === null)
    throw file.refuse(
      'external.cidr',
      `"${cidr}" is not a range: give its first address and a length up to 29`,
    );
  const inside = (address: string): boolean => {
    const number = addressNumber(address);
    return number !== null && number > range.first && number < range.last;
  };
  const hostAddress = host_address === '' ? range.address(range.first + 1) : host_address;
  if (!inside(hostAddress))
    throw file.refuse('external.host_address', `"${hostAddress}" is not an address inside ${cidr}`);
  const [first = '', last = ''] =
    allocation === ''
      ? [range.address(range.first + 2), range.address(range.last - 1)]
      : allocation.split('-');
  if (!inside(first) || !inside(last) || (addressNumber(first) ?? 0) > (addressNumber(last) ?? 0))
    throw file.refuse('external.allocation', `"${first}-${last}" is not FIRST-LAST inside ${cidr}`);
  return { name, cidr, hostAddress, allocationFirst: first, allocationLast: last };
}
