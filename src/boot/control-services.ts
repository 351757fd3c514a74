import { hostname } from 'node:os';
import { agentClientOpen } from '../agent/http/client.ts';
import { agentMirrorOpen, type AgentMirror } from '../cluster/agent-mirror.ts';
import type { Hosts } from '../cluster/port.ts';
import { computeCellMigrations, computeRegionMigrations } from '../compute/compute.migrations.ts';
import {
  computeSettingsDefault,
  type ComputeWorld,
  type TaskSignals,
} from '../compute/compute.world.ts';
import { hostCopies } from '../compute/host-copies.ts';
import { flavorSeed } from '../compute/flavor-seed.ts';
import { ldapDirectory } from '../engines/ldap/directory.ts';
import { DirectoryRegistry } from '../identity/directory-registry.ts';
import { directoryDomainsEnsure } from '../identity/directory-seed.ts';
import { complianceDefaults } from '../identity/compliance.model.ts';
import { directoryRefresh } from '../identity/generation.ts';
import { identityMigrations } from '../identity/identity.migrations.ts';
import { identityPort } from '../identity/port.ts';
import { identitySeed } from '../identity/identity.seed.ts';
import {
  generationTable,
  identityWorldOpen,
  type IdentityWorld,
} from '../identity/identity.world.ts';
import type { ImageWorld } from '../image/image.world.ts';
import { imagePort } from '../image/port.ts';
import { systemClock as clock } from '../kernel/clock.ts';
import { randomIds as ids } from '../kernel/ids.ts';
import type { Policy } from '../kernel/policy.ts';
import { DocumentPusher } from '../network/document-push.ts';
import { NetworkChanges } from '../network/network-changes.ts';
import { networkMigrations } from '../network/network.migrations.ts';
import { networkSeed } from '../network/network.seed.ts';
import { networkSettingsDefault, type NetworkWorld } from '../network/network.world.ts';
import { networkPort } from '../network/server-ports.ts';
import { Inventory } from '../placement/inventory.ts';
import type { Databases } from './control-parts.ts';
import { keysFollow, keysRead } from './key-ring.ts';
import { secretRead } from './credentials.ts';
import { imageOpen } from './control-image.ts';
import type { Layout } from './layout.ts';
import type { RoleOptions } from './role.ts';

export interface Services {
  readonly identity: IdentityWorld;
  readonly image: ImageWorld;
  readonly network: NetworkWorld;
  readonly compute: ComputeWorld;
}

/** Constructs every service over its database, brings the schemas up to date, and makes what a new cloud has. */
export async function servicesOpen(
  options: RoleOptions,
  databases: Databases,
  policy: Policy,
  signals: { readonly tasks: TaskSignals; readonly imageTasks: TaskSignals },
  hosts: Hosts,
): Promise<Services> {
  const { tasks, imageTasks } = signals;
  const identity = await identityOpen(options, databases);
  const copies = hostCopies(() => compute, { clock, ids, log: options.log });
  const image = await imageOpen(options, databases, {
    policy,
    identity,
    tasks: imageTasks,
    copies,
  });
  const mirror = agentMirrorOpen({ hosts, clock, log: options.log, stop: options.signal });
  const network = await networkOpen(options, databases, { hosts, mirror });
  const compute: ComputeWorld = await computeOpen(options, databases, { image, network, tasks });
  await networksMake(options, identity, network);
  return { identity, image, network, compute };
}

/** This machine: the only host until others join. */
export function hostsOpen({ agentSocket }: Layout): Hosts {
  const host = {
    name: hostname(),
    agent: agentClientOpen({ socketPath: agentSocket }),
    vtep: null,
  };
  return { list: () => [host], get: (name) => (name === host.name ? host : null) };
}

async function identityOpen(
  { configuration, layout, log, signal }: RoleOptions,
  { region }: Databases,
): Promise<IdentityWorld> {
  const { publicUrl, password, tokenLifeSec, identity } = configuration;
  const { limitModel, projectDepthMax, trustedDashboards, oidc } = identity;
  await region.migrate('identity', identityMigrations);
  const tokenKeys = keysRead(layout.tokenKeyDir);
  void keysFollow(tokenKeys, layout.tokenKeyDir, { clock, log, signal });
  const world = identityWorldOpen({
    db: region.db(),
    watch: await region.watch(generationTable),
    clock,
    ids,
    tokenKeys,
    credentialKeys: keysRead(layout.credentialKeyDir),
    directories: new DirectoryRegistry(
      (options) => ldapDirectory(options, { now: () => clock.now() }),
      new Map(Object.entries(configuration.directories)),
    ),
    oidc: await oidcOpen(oidc),
    settings: {
      tokenLifeMs: tokenLifeSec * 1000,
      authUri: `${publicUrl}/identity`,
      argon2: password,
      compliance: { ...complianceDefaults, ...identity.compliance },
      limitModel,
      projectDepthMax,
      trustedDashboards,
    },
  });
  await directoryRefresh(world);
  await identitySeed(world, {
    adminPassword: secretRead(layout.adminPasswordFile),
    demoPassword: secretRead(layout.demoPasswordFile),
    region: configuration.region,
    endpoints: [
      { type: 'identity', name: 'keystone', url: `${publicUrl}/identity` },
      { type: 'image', name: 'glance', url: `${publicUrl}/image` },
      { type: 'compute', name: 'nova', url: `${publicUrl}/compute/v2.1` },
      {
        type: 'object-store',
        name: 'swift',
        url: `${configuration.object.publicUrl}/v1/AUTH_%(project_id)s`,
      },
      { type: 'network', name: 'neutron', url: `${publicUrl}/network` },
      { type: 'placement', name: 'placement', url: `${publicUrl}/placement` },
    ],
  });
  await directoryDomainsEnsure(world);
  return world;
}

/** The code that verifies foreign tokens takes memory: it is loaded where there are any. */
async function oidcOpen(
  configured: RoleOptions['configuration']['identity']['oidc'],
): Promise<IdentityWorld['oidc']> {
  const all = Object.entries(configured);
  if (all.length === 0) return new Map();
  const { oidcProvider } = await import('../engines/oidc/provider.ts');
  return new Map(
    all.map(([name, options]) => [name, oidcProvider(options, { now: () => clock.now() })]),
  );
}

async function networkOpen(
  { log }: RoleOptions,
  { region }: Databases,
  { hosts, mirror }: { readonly hosts: Hosts; readonly mirror: AgentMirror },
): Promise<NetworkWorld> {
  await region.migrate('network', networkMigrations);
  const changes = new NetworkChanges();
  const settings = networkSettingsDefault;
  const documents = new DocumentPusher();
  return { db: region.db(), settings, hosts, mirror, changes, documents, clock, ids, log };
}

async function computeOpen(
  { configuration }: RoleOptions,
  { region, cell }: Databases,
  parts: {
    readonly image: ImageWorld;
    readonly network: NetworkWorld;
    readonly tasks: TaskSignals;
  },
): Promise<ComputeWorld> {
  await region.migrate('compute_region', computeRegionMigrations);
  await cell.migrate('compute_cell', computeCellMigrations);
  const { cpuRatio, ramRatio, diskRatio } = configuration.capacity;
  const world: ComputeWorld = {
    region: region.db(),
    cell: cell.db(),
    settings: { ...computeSettingsDefault, vcpuRatio: cpuRatio, ramRatio, diskRatio },
    images: imagePort(parts.image),
    network: networkPort(parts.network),
    hosts: parts.network.hosts,
    mirror: parts.network.mirror,
    tasks: parts.tasks,
    inventory: new Inventory(ids.secret(4).readUInt32LE()),
  };
  await flavorSeed(world, clock.now());
  return world;
}

/** The external network, and what the demo project starts with. */
async function networksMake(
  { configuration }: RoleOptions,
  identity: IdentityWorld,
  network: NetworkWorld,
): Promise<void> {
  const port = identityPort(identity);
  const admin = await port.projectFind('admin', 'default');
  const demo = configuration.demo ? await port.projectFind('demo', 'default') : null;
  // Whoever has removed the first project does not want what belongs to it.
  if (admin === null) return;
  await networkSeed(network, {
    adminProjectId: admin.id,
    demoProjectId: demo?.id ?? null,
    external: configuration.external,
    dnsServers: configuration.dnsServers,
  });
}
