import { endpointsOf, type Endpoint } from '../kernel/http/endpoint.ts';
import { Type } from '../kernel/type.ts';
import type { IdentityContext, IdentityWorld } from './identity.world.ts';
import { isAsked, wholePage } from './listing.ts';
import { linkTo, listReply } from './reply.ts';
import {
  assignmentFilterOf,
  assignmentNames,
  roleAssignmentList,
  type Names,
  type RoleAssignment,
} from './role-assignment.ts';
import { ListReply, Open } from './schema.ts';

const endpoint = endpointsOf<IdentityWorld>();

const Domain = Type.Object({ id: Type.String(), name: Type.String() });
const Named = Type.Object({
  id: Type.String(),
  name: Type.Optional(Type.String()),
  domain: Type.Optional(Domain),
});

const AssignmentReply = Type.Object({
  role: Named,
  user: Type.Optional(Named),
  group: Type.Optional(Named),
  scope: Open({
    project: Type.Optional(Named),
    domain: Type.Optional(Named),
    system: Type.Optional(Type.Object({ all: Type.Literal(true) })),
  }),
  links: Open({ assignment: Type.String() }),
});

/** What is known by name, with the domain it is in; only the id where names were not asked for. */
function named(
  names: Names | null,
  kind: 'users' | 'groups' | 'roles' | 'projects' | 'domains',
  id: string,
) {
  const found: { readonly name: string; readonly domainId?: string | null } | undefined =
    names?.[kind].get(id);
  if (found === undefined) return { id };
  const { domainId = null } = found;
  const domain =
    domainId === null
      ? null
      : { id: domainId, name: names?.domains.get(domainId)?.name ?? domainId };
  return { id, name: found.name, ...(domain !== null && { domain }) };
}

function scopeView(assignment: RoleAssignment, names: Names | null) {
  const { targetKind, targetId, isInherited } = assignment;
  const inherited = isInherited && { 'OS-INHERIT:inherited_to': 'projects' };
  switch (targetKind) {
    case 'system':
      return { system: { all: true } };
    case 'domain':
      return { domain: named(names, 'domains', targetId), ...inherited };
    case 'project':
      return { project: named(names, 'projects', targetId), ...inherited };
  }
}

/** The grant it was made from: that is what could be taken back. */
function linksOf(context: IdentityContext, assignment: RoleAssignment) {
  const { viaGroupId, viaTarget, viaRoleId, actorKind, actorId, isInherited } = assignment;
  const { targetKind, targetId } = viaTarget ?? assignment;
  const target = targetKind === 'system' ? '/system' : `/${targetKind}s/${targetId}`;
  const actor = viaGroupId === undefined ? `/${actorKind}s/${actorId}` : `/groups/${viaGroupId}`;
  const grant = `${target}${actor}/roles/${viaRoleId ?? assignment.roleId}`;
  return {
    assignment: linkTo(context, isInherited ? `/OS-INHERIT${grant}/inherited_to_projects` : grant),
    ...(viaGroupId !== undefined && {
      membership: linkTo(context, `/groups/${viaGroupId}/users/${actorId}`),
    }),
    ...(viaRoleId !== undefined && {
      prior_role: linkTo(context, `/prior_role/${viaRoleId}/implies/${assignment.roleId}`),
    }),
  };
}

const view = (context: IdentityContext, assignment: RoleAssignment, names: Names | null) => ({
  role: named(names, 'roles', assignment.roleId),
  [assignment.actorKind]: named(
    names,
    assignment.actorKind === 'user' ? 'users' : 'groups',
    assignment.actorId,
  ),
  scope: scopeView(assignment, names),
  links: linksOf(context, assignment),
});

export const roleAssignmentRoutes: readonly Endpoint<IdentityWorld>[] = [
  endpoint(
    {
      id: 'roleAssignments.list',
      method: 'GET',
      path: '/v3/role_assignments',
      rule: 'identity:list_role_assignments',
      query: [
        'role.id',
        'user.id',
        'group.id',
        'scope.domain.id',
        'scope.project.id',
        'scope.system',
        'scope.OS-INHERIT:inherited_to',
        'effective',
        'include_names',
        'include_subtree',
      ],
      reply: { 200: ListReply('role_assignments', AssignmentReply) },
      summary: 'Who has which role where',
    },
    async (context, { query }) => {
      const found = await roleAssignmentList(context, assignmentFilterOf(query));
      const names = isAsked(query, 'include_names') ? await assignmentNames(context, found) : null;
      return listReply(context, {
        key: 'role_assignments',
        path: '/role_assignments',
        query,
        page: wholePage(found),
        view: (assignment) => view(context, assignment, names),
      });
    },
  ),
];
