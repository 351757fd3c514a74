import { forbidden, unavailable, type Failure } from '../kernel/errors.ts';
import { configDefaults, isSensitive } from './domain-config.options.ts';
import { DirectoryUnavailable, type Directory, type DirectoryOptions } from './directory.model.ts';
import type { IdentityWorld } from './identity.world.ts';
import { boxOpen } from './secret-box.ts';
import type { Snapshot } from './snapshot.model.ts';
import { snapshotGet } from './snapshot.ts';

/** Null: the users of the domain are ours alone. */
export async function directoryOf(
  world: IdentityWorld,
  domainId: string,
): Promise<Directory | null> {
  const { directories } = world;
  const options = optionsOf(world, await snapshotGet(world), domainId);
  const live = directories.live.get(domainId);
  if (options === null) {
    directories.live.delete(domainId);
    await live?.directory.close();
    return null;
  }
  const text = JSON.stringify(options);
  if (live?.options === text) return live.directory;
  if (directories.open === null) throw new DirectoryUnavailable('no driver is loaded');
  const directory = directories.open(options);
  directories.live.set(domainId, { options: text, directory });
  await live?.directory.close();
  return directory;
}

/** Ids of the domains that have one. */
export async function directoryDomainIds(world: IdentityWorld): Promise<string[]> {
  const snapshot = await snapshotGet(world);
  const { configured } = world.directories;
  return [...snapshot.domains.values()]
    .filter(({ id, name }) => configured.has(name) || snapshot.directories.has(id))
    .map(({ id }) => id);
}

/** Asks the directory of a domain, if it has one; one that cannot be asked is a 503 for this domain and no other. */
export async function directoryAsk<T>(
  world: IdentityWorld,
  domainId: string,
  work: (directory: Directory) => Promise<T>,
): Promise<T | null> {
  try {
    const directory = await directoryOf(world, domainId);
    return directory === null ? null : await work(directory);
  } catch (error) {
    if (!(error instanceof DirectoryUnavailable)) throw error;
    const { domains } = await snapshotGet(world);
    throw unavailable(
      `The directory of the domain ${domains.get(domainId)?.name ?? domainId} cannot be asked at the moment.`,
      { detail: { why: error.message, domainId }, cause: error },
    );
  }
}

/** Keystone's answer to a write where a directory is only read. */
export const readOnly = (): Failure => forbidden('LDAP does not support write operations');

function optionsOf(
  { directories, credentialKeys }: IdentityWorld,
  snapshot: Snapshot,
  domainId: string,
): DirectoryOptions | null {
  const configured = directories.configured.get(snapshot.domains.get(domainId)?.name ?? '');
  if (configured !== undefined) return configured;
  const own = snapshot.directories.get(domainId);
  if (own === undefined) return null;
  const given = [...own].map(([name, value]) => {
    const json = isSensitive('ldap', name)
      ? (boxOpen(credentialKeys, value)?.toString('utf8') ?? 'null')
      : value;
    return [name, JSON.parse(json) as unknown] as const;
  });
  const options: Record<string, unknown> = {
    ...configDefaults['ldap'],
    ...Object.fromEntries(given),
  };
  // Keystone's trees where none are named.
  const suffix = options['suffix'];
  if (typeof suffix === 'string') {
    options['user_tree_dn'] ??= `ou=Users,${suffix}`;
    options['group_tree_dn'] ??= `ou=UserGroups,${suffix}`;
  }
  return options;
}
