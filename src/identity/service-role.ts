import type { Actor } from '../kernel/policy.ts';
import type { Snapshot } from './snapshot.model.ts';
import { rolesIn } from './snapshot.ts';
import type { TokenRole, TokenState } from './token.model.ts';

/**
 * A role named `object-store:admin` is the role `admin` in the service of that type and an unknown word to every other:
 * who holds it is nobody in compute. Each service is shown an actor of its own.
 */
export function serviceActors(
  actor: Actor,
  roles: readonly TokenRole[],
  snapshot: Snapshot,
): ReadonlyMap<string, Actor> {
  const byService = new Map<string, string[]>();
  for (const { name } of roles) {
    const [, service, bare] = /^([a-z][a-z0-9-]*):(.+)$/.exec(name) ?? [];
    if (service === undefined || bare === undefined) continue;
    const global = [...snapshot.roles.values()].find(
      (role) => role.name === bare && role.domain_id === null,
    );
    if (global !== undefined) {
      byService.set(service, [...(byService.get(service) ?? []), global.id]);
    }
  }
  return new Map(
    [...byService].map(([service, ids]) => {
      const more = rolesIn(snapshot, ids).map(({ name }) => name);
      return [service, { ...actor, roles: [...new Set([...actor.roles, ...more])] }];
    }),
  );
}

/** Who acts, as the service with these names sees it: a service may be called by an old and a new name. */
export function actorIn(
  { actor, serviceActors: actors }: Pick<TokenState, 'actor' | 'serviceActors'>,
  services: readonly string[],
): Actor {
  const found = services.find((service) => actors.has(service));
  return (found === undefined ? undefined : actors.get(found)) ?? actor;
}
