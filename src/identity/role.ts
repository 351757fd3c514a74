import { invalid } from '../kernel/errors.ts';
import type { Target } from '../kernel/policy.ts';
import { missing } from './failure.ts';
import { directoryWrite } from './generation.ts';
import type { IdentityContext } from './identity.world.ts';
import { immutableCheck, immutableDeleteCheck } from './immutable.ts';
import { listingOf, pageOf, type Page } from './listing.ts';
import { optionsMerge } from './project.model.ts';
import { projectGet } from './project.store.ts';
import { extraOf } from './reply.ts';
import type { Role } from './role.model.ts';
import type { RoleCreateWanted, RoleUpdateWanted } from './role.schema.ts';
import {
  roleGet as roleRead,
  roleInsert,
  roleList as roleListRead,
  roleRemove,
  roleUpdate as roleUpdateRow,
} from './role.store.ts';

const knownAttributes = ['name', 'domain_id', 'description', 'options'];

export const roleTarget = (role: Role | null): Target =>
  role === null
    ? {}
    : {
        'target.role.id': role.id,
        'target.role.name': role.name,
        'target.role.domain_id': role.domainId,
      };

type Verb = 'get' | 'update' | 'delete' | 'create';
/** Roles of a domain have rules of their own. */
const ruleFor = (verb: Verb, domainId: string | null): string =>
  domainId === null ? `identity:${verb}_role` : `identity:${verb}_domain_role`;

export async function roleCreate(
  context: IdentityContext,
  wanted: RoleCreateWanted,
): Promise<Role> {
  const domainId = wanted.domain_id ?? null;
  context.authorize(ruleFor('create', domainId), { 'target.role.domain_id': domainId });
  const role: Role = {
    id: context.ids.hex(),
    name: wanted.name.trim(),
    domainId,
    description: wanted.description ?? null,
    options: optionsMerge({}, wanted.options),
    extra: extraOf(wanted, knownAttributes),
  };
  await directoryWrite(context.world, async (tx) => {
    if (domainId !== null && (await projectGet(tx, domainId))?.isDomain !== true) {
      throw missing('domain', domainId);
    }
    await roleInsert(tx, role);
  });
  return role;
}

export async function roleGet(
  context: IdentityContext,
  id: string,
  verb: Verb = 'get',
): Promise<Role> {
  const role = await context.world.db.read((tx) => roleRead(tx, id));
  context.authorize(ruleFor(verb, role?.domainId ?? null), roleTarget(role));
  if (role === null) throw missing('role', id);
  return role;
}

export async function roleList(
  context: IdentityContext,
  query: URLSearchParams,
): Promise<Page<Role>> {
  const domainId = query.get('domain_id');
  context.authorize(domainId === null ? 'identity:list_roles' : 'identity:list_domain_roles', {
    'target.role.domain_id': domainId,
  });
  const listing = listingOf(query, { name: 'text' });
  return pageOf(await context.world.db.read((tx) => roleListRead(tx, listing, domainId)), listing);
}

export async function roleUpdate(
  context: IdentityContext,
  id: string,
  wanted: RoleUpdateWanted,
): Promise<Role> {
  const seen = await roleGet(context, id, 'update');
  const { id: bodyId } = wanted as { readonly id?: unknown };
  if (bodyId !== undefined && bodyId !== id) throw invalid('Cannot change role ID');
  if (wanted.domain_id !== undefined && wanted.domain_id !== seen.domainId) {
    throw invalid('Update of `domain_id` is not allowed.');
  }
  return await directoryWrite(context.world, async (tx) => {
    const held = await roleRead(tx, id);
    if (held === null) throw missing('role', id);
    immutableCheck('role', held, wanted);
    const next: Role = {
      ...held,
      name: wanted.name?.trim() ?? held.name,
      description: wanted.description === undefined ? held.description : wanted.description,
      options: optionsMerge(held.options, wanted.options),
      extra: { ...held.extra, ...extraOf(wanted, knownAttributes) },
    };
    await roleUpdateRow(tx, next);
    return next;
  });
}

export async function roleDelete(context: IdentityContext, id: string): Promise<void> {
  await roleGet(context, id, 'delete');
  await directoryWrite(context.world, async (tx) => {
    const held = await roleRead(tx, id);
    if (held === null) throw missing('role', id);
    immutableDeleteCheck('role', held);
    await roleRemove(tx, id);
  });
}
