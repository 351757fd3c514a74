import type { Scene } from './scene.ts';
import type { OwnerNames } from './settings/acl.ts';

/** Who may be granted something: projects that the store's identity knows. */
export function ownerNames({ world }: Scene): OwnerNames {
  const { identity } = world;
  return async (ids) => (await identity.projectNames?.(ids)) ?? new Map(ids.map((id) => [id, id]));
}
