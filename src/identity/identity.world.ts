import type { Clock } from '../kernel/clock.ts';
import type { Context } from '../kernel/context.ts';
import type { Db, TableWatch } from '../kernel/db.ts';
import type { Ids } from '../kernel/ids.ts';
import { DirectoryRegistry } from './directory-registry.ts';
import { complianceDefaults, type Compliance } from './compliance.model.ts';
import type { IdentityTables } from './identity.tables.ts';
import type { LimitModel } from './limit.model.ts';
import { IdentityMemory } from './memory.ts';
import type { OidcProvider } from './oidc.model.ts';
import type { SecretKey } from './secret-box.ts';

export interface IdentitySettings {
  readonly tokenLifeMs: number;
  /** How long after its expiry a service may still have a token validated, to finish what was begun with it. */
  readonly allowExpiredMs: number;
  /** Named in WWW-Authenticate. */
  readonly authUri: string;
  readonly argon2: {
    readonly memoryKib: number;
    readonly passes: number;
    readonly parallelism: number;
  };
  /** Password hashes computed at one time; more wait. */
  readonly hashConcurrency: number;
  readonly projectDepthMax: number;
  /** Whether limits of a domain bound those of its projects. */
  readonly limitModel: LimitModel;
  /** Where browsers that logged in at a provider may be sent with a token. */
  readonly trustedDashboards: readonly string[];
  readonly compliance: Compliance;
}

const identityDefaults: IdentitySettings = {
  tokenLifeMs: 3_600_000,
  allowExpiredMs: 2 * 86_400_000,
  authUri: 'http://127.0.0.1:5000/identity',
  argon2: { memoryKib: 19_456, passes: 2, parallelism: 1 },
  hashConcurrency: 2,
  projectDepthMax: 5,
  limitModel: 'flat',
  trustedDashboards: [],
  compliance: complianceDefaults,
};

export interface IdentityWorld {
  readonly db: Db<IdentityTables>;
  /** Tells when another process may have changed the directory. */
  readonly watch: TableWatch;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly settings: IdentitySettings;
  /** The first signs; all are tried when a token comes in. */
  readonly tokenKeys: readonly SecretKey[];
  /** The same for what is encrypted at rest. */
  readonly credentialKeys: readonly SecretKey[];
  readonly memory: IdentityMemory;
  readonly directories: DirectoryRegistry;
  /** OpenID providers by their names in the operator's file. */
  readonly oidc: ReadonlyMap<string, OidcProvider>;
}

export type IdentityContext = Context<IdentityWorld>;

/** What boot gives; the rest has defaults. */
export interface IdentityParts extends Pick<
  IdentityWorld,
  'db' | 'watch' | 'clock' | 'ids' | 'tokenKeys' | 'credentialKeys'
> {
  readonly settings?: Partial<IdentitySettings>;
  readonly directories?: DirectoryRegistry;
  readonly oidc?: IdentityWorld['oidc'];
}

export function identityWorldOpen({
  settings,
  directories,
  oidc,
  ...parts
}: IdentityParts): IdentityWorld {
  const all = { ...identityDefaults, ...settings };
  // Two levels are a domain and its projects.
  const depth = all.limitModel === 'strict_two_level' ? 1 : all.projectDepthMax;
  return {
    ...parts,
    settings: { ...all, projectDepthMax: Math.min(depth, all.projectDepthMax) },
    memory: new IdentityMemory(),
    directories: directories ?? new DirectoryRegistry(null, new Map()),
    oidc: oidc ?? new Map(),
  };
}

/** What `watch` watches. */
export const generationTable = 'identity_generation';

export const defaultDomainId = 'default';
