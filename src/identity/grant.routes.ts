import { endpointsOf, type Endpoint, type Route } from '../kernel/http/endpoint.ts';
import { systemTarget, type ActorKind, type TargetKind } from './assignment.model.ts';
import { grantCheck, grantCreate, grantList, grantRevoke, type GrantPath } from './grant.ts';
import type { IdentityWorld } from './identity.world.ts';
import { wholePage } from './listing.ts';
import { listReply, noContent } from './reply.ts';
import { RoleReply } from './role.schema.ts';
import { roleView } from './role.routes.ts';
import { ListReply } from './schema.ts';

const endpoint = endpointsOf<IdentityWorld>();

interface Shape {
  readonly targetKind: TargetKind;
  readonly actorKind: ActorKind;
  readonly isInherited: boolean;
}

const shapes: readonly Shape[] = (['project', 'domain', 'system'] as const).flatMap((targetKind) =>
  (['user', 'group'] as const).flatMap((actorKind) =>
    (targetKind === 'system' ? [false] : [false, true]).map((isInherited) => ({
      targetKind,
      actorKind,
      isInherited,
    })),
  ),
);

/** One set of endpoints per kind of target and actor, inherited or not: 10 sets that differ by their paths only. */
export const grantRoutes: readonly Endpoint<IdentityWorld>[] = shapes.flatMap(grantRoutesOf);

function grantRoutesOf(shape: Shape): Endpoint<IdentityWorld>[] {
  const { targetKind, actorKind, isInherited } = shape;
  const suffix = isInherited ? '/inherited_to_projects' : '';
  const listPath = `${baseOf(shape)}/roles${suffix}`;
  const path = `${baseOf(shape)}/roles/:roleId${suffix}`;
  const name = `${isInherited ? 'inheritedGrants' : 'grants'}.${targetKind}.${actorKind}`;
  const ruleOf = (verb: string): string =>
    targetKind === 'system'
      ? `identity:${verb}_system_grant_for_${actorKind}`
      : `identity:${verb}_grant`;
  const grantOf = (params: Readonly<Record<string, string>>): GrantPath => ({
    ...shape,
    actorId: params[`${actorKind}Id`] ?? '',
    targetId: targetKind === 'system' ? systemTarget.id : (params[`${targetKind}Id`] ?? ''),
  });
  const route = (method: Route['method'], verb: string, summary: string): Route => ({
    id: `${name}.${verb}`,
    method,
    path,
    rule: ruleOf(verb),
    reply: { 204: null },
    summary: `${summary}: ${targetKind}, ${actorKind}${isInherited ? ', inherited' : ''}`,
  });
  return [
    endpoint(
      {
        id: `${name}.list`,
        method: 'GET',
        path: listPath,
        rule:
          targetKind === 'system'
            ? `identity:list_system_grants_for_${actorKind}`
            : 'identity:list_grants',
        reply: { 200: ListReply('roles', RoleReply) },
        summary: `Roles given on a ${targetKind} to a ${actorKind}`,
      },
      async (context, { params, query }) =>
        listReply(context, {
          key: 'roles',
          path: listPath
            .replace(/^\/v3/, '')
            .replace(/:(\w+)/g, (_, param: string) => params[param] ?? ''),
          query,
          page: wholePage(await grantList(context, grantOf(params))),
          view: (role) => roleView(context, role),
        }),
    ),
    endpoint(route('GET', 'check', 'Whether a role is given'), async (context, { params }) => {
      await grantCheck(context, grantOf(params), params['roleId'] ?? '');
      return noContent;
    }),
    endpoint(route('PUT', 'create', 'Give a role'), async (context, { params }) => {
      await grantCreate(context, grantOf(params), params['roleId'] ?? '');
      return noContent;
    }),
    endpoint(route('DELETE', 'revoke', 'Take a role back'), async (context, { params }) => {
      await grantRevoke(context, grantOf(params), params['roleId'] ?? '');
      return noContent;
    }),
  ];
}

function baseOf({ targetKind, actorKind, isInherited }: Shape): string {
  const root = isInherited ? '/v3/OS-INHERIT' : '/v3';
  const target = targetKind === 'system' ? '/system' : `/${targetKind}s/:${targetKind}Id`;
  return `${root}${target}/${actorKind}s/:${actorKind}Id`;
}
