import { systemTarget, type Assignment } from './assignment.model.ts';
import { assignmentInsert } from './assignment.store.ts';
import {
  endpointInsert,
  endpointList,
  endpointUpdate,
  regionGet,
  regionInsert,
  serviceInsert,
  serviceList,
} from './catalog.store.ts';
import { directoryWrite } from './generation.ts';
import type { Tx } from './identity.tables.ts';
import { defaultDomainId, type IdentityWorld } from './identity.world.ts';
import { equals } from './listing.ts';
import { passwordHash } from './password.ts';
import { domainNew, projectNew } from './project.model.ts';
import { projectGet, projectInsert } from './project.store.ts';
import { implicationInsert, roleInsert, roleList } from './role.store.ts';
import { passwordInsert, userInsert } from './user.store.ts';

/** One service of the catalog, at one address for everybody. */
export interface SeedEndpoint {
  readonly type: string;
  readonly name: string;
  readonly url: string;
}

export interface Seed {
  readonly adminPassword: string;
  readonly demoPassword: string;
  readonly region: string;
  readonly endpoints: readonly SeedEndpoint[];
}

/** Each implies the next. */
const personas = ['admin', 'manager', 'member', 'reader'] as const;

/**
 * What a cloud has from its first moment. Run at every start: it adds roles that are missing and moves the addresses of
 * the catalog. Users and projects are made once; what an operator has changed or deleted since stays so.
 */
export async function identitySeed(world: IdentityWorld, seed: Seed): Promise<void> {
  const isFirst = await world.db.read(
    async (tx) => (await projectGet(tx, defaultDomainId)) === null,
  );
  const hashes = isFirst
    ? {
        admin: await passwordHash(world, seed.adminPassword),
        demo: await passwordHash(world, seed.demoPassword),
      }
    : null;
  await directoryWrite(world, async (tx) => {
    const roles = await rolesSeed(tx, world);
    if (hashes !== null && (await projectGet(tx, defaultDomainId)) === null) {
      await domainSeed(tx);
      const projects = await projectsSeed(tx, world);
      await usersSeed(tx, world, { hashes, roles, projects });
    }
    await catalogSeed(tx, world, seed);
  });
}

type ByName = ReadonlyMap<string, string>;

async function domainSeed(tx: Tx): Promise<void> {
  await projectInsert(
    tx,
    domainNew({ id: defaultDomainId, name: 'Default', description: 'The default domain' }),
  );
}

async function rolesSeed(tx: Tx, { ids }: IdentityWorld): Promise<ByName> {
  const found = new Map<string, string>();
  for (const name of [...personas, 'service']) {
    const [held] = await roleList(tx, equals('name', name), null);
    const id = held?.id ?? ids.hex();
    found.set(name, id);
    if (held !== undefined) continue;
    // Losing one of these would lock everybody out.
    const options = { immutable: true };
    await roleInsert(tx, { id, name, domainId: null, description: null, options, extra: {} });
    const [impliedBy] = personas.filter((_, index) => personas[index + 1] === name);
    const priorId = impliedBy === undefined ? undefined : found.get(impliedBy);
    if (priorId !== undefined) await implicationInsert(tx, { priorId, impliedId: id });
  }
  return found;
}

async function projectsSeed(tx: Tx, { ids }: IdentityWorld): Promise<ByName> {
  const found = new Map<string, string>();
  for (const name of ['admin', 'demo', 'service']) {
    const id = ids.hex();
    found.set(name, id);
    await projectInsert(tx, projectNew({ id, name, domainId: defaultDomainId }));
  }
  return found;
}

async function usersSeed(
  tx: Tx,
  world: IdentityWorld,
  {
    hashes,
    roles,
    projects,
  }: { hashes: { readonly admin: string; readonly demo: string }; roles: ByName; projects: ByName },
): Promise<void> {
  for (const [name, hash] of Object.entries(hashes)) {
    const id = world.ids.hex();
    const createdAtMs = world.clock.now();
    await userInsert(tx, {
      id,
      domainId: defaultDomainId,
      name,
      isEnabled: true,
      defaultProjectId: projects.get(name) ?? null,
      options: {},
      extra: {},
      createdAtMs,
    });
    await passwordInsert(tx, { id: world.ids.uuid(), userId: id, hash, createdAtMs });
    const base = { actorKind: 'user', actorId: id, isInherited: false } as const;
    const project = { targetKind: 'project', targetId: projects.get(name) ?? '' } as const;
    const given: Assignment[] =
      name === 'admin'
        ? [
            { ...base, ...project, roleId: roles.get('admin') ?? '' },
            {
              ...base,
              targetKind: systemTarget.kind,
              targetId: systemTarget.id,
              roleId: roles.get('admin') ?? '',
            },
          ]
        : [{ ...base, ...project, roleId: roles.get('member') ?? '' }];
    for (const assignment of given) await assignmentInsert(tx, assignment);
  }
}

async function catalogSeed(
  tx: Tx,
  { ids }: IdentityWorld,
  { region, endpoints }: Seed,
): Promise<void> {
  if ((await regionGet(tx, region)) === null) {
    await regionInsert(tx, { id: region, description: '', parent_region_id: null, extra: '{}' });
  }
  for (const { type, name, url } of endpoints) {
    const [held] = await serviceList(tx, equals('type', type));
    const service = held ?? {
      id: ids.hex(),
      type,
      name,
      description: null,
      enabled: 1,
      extra: '{}',
    };
    if (held === undefined) await serviceInsert(tx, service);
    const there = await endpointList(tx, equals('service_id', service.id));
    for (const kind of ['public', 'internal', 'admin'] as const) {
      const old = there.find(
        (endpoint) => endpoint.interface === kind && endpoint.region_id === region,
      );
      const next = {
        id: old?.id ?? ids.hex(),
        service_id: service.id,
        interface: kind,
        region_id: region,
        url,
        enabled: 1,
        extra: '{}',
      } as const;
      if (old === undefined) await endpointInsert(tx, next);
      else if (old.url !== url) await endpointUpdate(tx, next);
    }
  }
}
