import type { Tx } from '../../kernel/db.ts';
import { forbidden, notFound } from '../../kernel/errors.ts';
import type { Target } from '../../kernel/policy.ts';
import { imageAuthorize, projectOf } from '../image-access.ts';
import type { ImageTables } from '../image.tables.ts';
import type { ImageContext } from '../image.world.ts';
import type { Namespace } from './metadef.model.ts';
import { namespaceSelect } from './metadef.store.ts';

export const targetOf = ({ owner, visibility, name }: Namespace): Target => ({
  project_id: owner,
  owner,
  visibility,
  namespace: name,
});

/** What rules about no namespace in particular are asked about. */
export const ownTarget = ({ actor }: ImageContext): Target => ({ project_id: projectOf(actor) });

export const namespaceIsVisible = (
  context: ImageContext,
  { owner, visibility }: Namespace,
): boolean =>
  context.allows('context_is_admin') ||
  owner === null ||
  visibility === 'public' ||
  owner === projectOf(context.actor);

/** The namespace, for somebody who may do this with it; what they may not see does not exist for them. */
export async function namespaceSee(
  context: ImageContext,
  tx: Tx<ImageTables>,
  name: string,
  rule: string,
): Promise<Namespace> {
  const namespace = await namespaceSelect(tx, name);
  if (namespace === null || !namespaceIsVisible(context, namespace)) {
    throw notFound(`Namespace ${name} not found`);
  }
  imageAuthorize(context, rule, targetOf(namespace));
  return namespace;
}

/** Sees the namespace in order to take something away from it. */
export async function namespaceSeeToRemove(
  context: ImageContext,
  tx: Tx<ImageTables>,
  name: string,
  { rules, what }: { readonly rules: readonly string[]; readonly what: string },
): Promise<Namespace> {
  const [first = '', ...rest] = rules;
  const namespace = await namespaceSee(context, tx, name, first);
  for (const rule of rest) imageAuthorize(context, rule, targetOf(namespace));
  if (namespace.isProtected) {
    throw forbidden(`Metadata definition ${what} is protected and cannot be deleted.`);
  }
  return namespace;
}
