import { objectConfigurationOf } from './object-configuration.ts';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import type { Static } from 'typebox';
import { configParse, type ConfigFile } from '../kernel/config.ts';
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
import { syslogAddressParse } from './audit-syslog.ts';
import { oidcOptionsFault } from '../engines/oidc/options.ts';
import { UserError } from './command.ts';
import type { Configuration } from './configuration.model.ts';
import { ConfigurationSchema } from './configuration.schema.ts';
import { imageConfigurationOf } from './image-configuration.ts';

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
    ...objectConfigurationOf(object, (key, message) => file.refuse(key, message)),
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
    trustedDashboards: raw.trusted_dashboard.map(hostLowered),
    oidc: oidcOf(file),
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

/** Browsers write hosts in lower case, operators need not. */
const hostLowered = (url: string): string =>
  url.replace(/^[^/]+\/\/[^/]+/, (head) => head.toLowerCase());

function oidcOf(file: ConfigFile<Raw>): Configuration['identity']['oidc'] {
  const { oidc } = file.value.identity;
  for (const [name, options] of Object.entries(oidc)) {
    const fault = oidcOptionsFault(options);
    if (fault !== null) throw file.refuse(`identity.oidc.${name}.${fault.key}`, fault.why);
  }
  return oidc;
}

function patternOf(file: ConfigFile<Raw>): string | null {
  const { password_regex: text } = file.value.identity;
  if (text === '') return null;
  try {
    return new RegExp(text, 'u').source;
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
