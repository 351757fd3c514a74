import type { ObjectConfiguration } from './object-configuration.ts';
import type { Compliance } from '../identity/compliance.model.ts';
import type { DirectoryOptions } from '../identity/directory.model.ts';
import type { OidcOptions } from '../engines/oidc/options.ts';
import type { LogLevel } from '../kernel/log.ts';
import type { Listen } from './addresses.ts';
import type { SyslogAddress } from './audit-syslog.ts';
import type { ImageConfiguration } from './image-configuration.ts';

/** `welkin.toml` and the command line, checked, with every default filled in. Handed from program to program as JSON. */
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
  readonly object: ObjectConfiguration & {
    readonly listen: Listen;
    readonly tls: boolean;
    /** Without a slash at the end. */
    readonly publicUrl: string;
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
    /** Hosts in lower case. */
    readonly trustedDashboards: readonly string[];
    /** By a name of the operator's. */
    readonly oidc: Readonly<Record<string, OidcOptions>>;
  };
  readonly tokenLifeSec: number;
  readonly logLevel: LogLevel;
  readonly image: ImageConfiguration;
  /** Null: SQLite in the state directory. */
  readonly databaseUrl: string | null;
}
