import { invalid } from '../kernel/errors.ts';
import { missing } from './failure.ts';
import type { IdentityContext } from './identity.world.ts';
import { listingOf, pageOf, type Page } from './listing.ts';
import type { PolicyDocument, PolicyUpdateWanted, PolicyWanted } from './policy-document.schema.ts';
import {
  policyGet as policyRead,
  policyInsert,
  policyList as policyListRead,
  policyRemove,
  policyUpdate as policyUpdateRow,
} from './policy-document.store.ts';
import { extraOf } from './reply.ts';

const knownAttributes = ['blob', 'type'];

/** Policies are documents that other software keeps here; nothing of ours reads them. */
export async function policyCreate(
  context: IdentityContext,
  wanted: PolicyWanted,
): Promise<PolicyDocument> {
  context.authorize('identity:create_policy');
  const policy: PolicyDocument = {
    id: context.ids.hex(),
    type: wanted.type,
    blob: wanted.blob,
    extra: extraOf(wanted, knownAttributes),
  };
  await context.world.db.write((tx) => policyInsert(tx, policy));
  return policy;
}

export async function policyGet(context: IdentityContext, id: string): Promise<PolicyDocument> {
  context.authorize('identity:get_policy');
  const policy = await context.world.db.read((tx) => policyRead(tx, id));
  if (policy === null) throw missing('policy', id);
  return policy;
}

export async function policyList(
  context: IdentityContext,
  query: URLSearchParams,
): Promise<Page<PolicyDocument>> {
  context.authorize('identity:list_policies');
  const listing = listingOf(query, { type: 'text' });
  return pageOf(await context.world.db.read((tx) => policyListRead(tx, listing)), listing);
}

export async function policyUpdate(
  context: IdentityContext,
  id: string,
  wanted: PolicyUpdateWanted,
): Promise<PolicyDocument> {
  context.authorize('identity:update_policy');
  const { id: bodyId } = wanted as { readonly id?: unknown };
  if (bodyId !== undefined && bodyId !== id) throw invalid('Cannot change policy ID');
  return await context.world.db.write(async (tx) => {
    const held = await policyRead(tx, id);
    if (held === null) throw missing('policy', id);
    const next: PolicyDocument = {
      id,
      type: wanted.type ?? held.type,
      blob: wanted.blob ?? held.blob,
      extra: { ...held.extra, ...extraOf(wanted, knownAttributes) },
    };
    await policyUpdateRow(tx, next);
    return next;
  });
}

export async function policyDelete(context: IdentityContext, id: string): Promise<void> {
  context.authorize('identity:delete_policy');
  await context.world.db.write(async (tx) => {
    if (!(await policyRemove(tx, id))) throw missing('policy', id);
  });
}
