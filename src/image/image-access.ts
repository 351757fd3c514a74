import type { Tx } from '../kernel/db.ts';
import { forbidden, notFound, type Failure } from '../kernel/errors.ts';
import type { Actor, Target } from '../kernel/policy.ts';
import { memberSelect } from './image-member.store.ts';
import type { Image } from './image.model.ts';
import { imageSelect } from './image.store.ts';
import type { ImageTables } from './image.tables.ts';
import type { ImageContext } from './image.world.ts';
import type { Viewer } from './image-list.store.ts';

export const projectOf = ({ scope }: Actor): string | null =>
  scope.kind === 'project' ? scope.projectId : null;

export const viewerOf = (context: ImageContext): Viewer => ({
  isAdmin: context.allows('context_is_admin'),
  projectId: projectOf(context.actor),
});

/** An image together with what its policy rules are asked about. */
export interface Seen {
  readonly image: Image;
  readonly target: Target;
}

export const imageUnknown = (id: string): Failure => notFound(`No image found with ID ${id}`);

/** The image, if the caller may see it; whatever they may not see does not exist for them. */
export async function imageSee(
  context: ImageContext,
  tx: Tx<ImageTables>,
  id: string,
): Promise<Seen> {
  const image = await imageSelect(tx, id);
  if (image === null) throw imageUnknown(id);
  const viewer = viewerOf(context);
  const { projectId } = viewer;
  const isShared =
    image.visibility === 'shared' &&
    projectId !== null &&
    (await memberSelect(tx, id, projectId)) !== null;
  const isVisible =
    viewer.isAdmin ||
    image.owner === null ||
    image.visibility === 'public' ||
    image.visibility === 'community' ||
    image.owner === projectId ||
    isShared;
  const target = targetOf(image, isShared ? projectId : null);
  if (!isVisible || !context.allows('get_image', target)) throw imageUnknown(id);
  return { image, target };
}

export const targetOf = (image: Image, memberId: string | null): Target => ({
  project_id: image.owner,
  owner: image.owner,
  visibility: image.visibility,
  member_id: memberId,
  image_id: image.id,
  name: image.name,
  status: image.status,
  protected: image.isProtected,
});

/** For a caller who sees the image: refusals are said to be refusals. */
export function imageAuthorize(context: ImageContext, rule: string, target: Target): void {
  if (context.allows(rule, target)) return;
  throw forbidden('You are not authorized to complete this action.', {
    type: 'PolicyNotAuthorized',
    detail: { rule, userId: context.actor.userId },
  });
}

/** Sees the image in order to change it. */
export async function imageSeeFor(
  context: ImageContext,
  tx: Tx<ImageTables>,
  id: string,
  rule: string,
): Promise<Seen> {
  const seen = await imageSee(context, tx, id);
  imageAuthorize(context, rule, seen.target);
  return seen;
}

/** Some visibilities have a rule of their own. */
export function visibilityAuthorize(
  context: ImageContext,
  visibility: Image['visibility'],
  target: Target,
): void {
  if (visibility === 'public') imageAuthorize(context, 'publicize_image', target);
  if (visibility === 'community') imageAuthorize(context, 'communitize_image', target);
}
