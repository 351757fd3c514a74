import { UniqueViolation, type Tx } from '../kernel/db.ts';
import { conflict, Failure, forbidden, notFound } from '../kernel/errors.ts';
import { imageSee, projectOf, type Seen } from './image-access.ts';
import {
  memberInsert,
  memberRemove,
  memberSelect,
  memberSelectAll,
  memberStatusUpdate,
  type Member,
} from './image-member.store.ts';
import { memberLimit } from './image.model.ts';
import type { ImageTables } from './image.tables.ts';
import type { ImageContext } from './image.world.ts';

/** The image, for somebody who may do this with its members. */
async function sharedImageSee(
  context: ImageContext,
  tx: Tx<ImageTables>,
  id: string,
  { rule, verb }: { rule: string; verb: 'create' | 'update' | 'list' | 'delete' },
): Promise<Seen> {
  const seen = await imageSee(context, tx, id);
  const refused = `Not allowed to ${verb} members for image ${id}.`;
  if (seen.image.visibility !== 'shared') {
    throw forbidden(`${refused} Only shared images have members.`);
  }
  if (!context.allows(rule, seen.target)) throw forbidden(refused);
  return seen;
}

/** A member sees itself, the owner and administrators see all. */
async function memberSee(
  context: ImageContext,
  tx: Tx<ImageTables>,
  { image }: Seen,
  memberId: string,
): Promise<Member> {
  const member = await memberSelect(tx, image.id, memberId);
  if (member === null || !memberIsVisible(context, image.owner, member)) {
    throw notFound(`${memberId} not found in the member list of the image ${image.id}.`);
  }
  return member;
}

function memberIsVisible(context: ImageContext, owner: string | null, member: Member): boolean {
  const projectId = projectOf(context.actor);
  return (
    context.allows('context_is_admin') ||
    (owner !== null && owner === projectId) ||
    member.member_id === projectId
  );
}

export async function memberCreate(
  context: ImageContext,
  id: string,
  memberId: string,
): Promise<Member> {
  const now = context.clock.now();
  const member: Member = {
    image_id: id,
    member_id: memberId,
    status: 'pending',
    created_at: now,
    updated_at: now,
  };
  try {
    await context.world.db.write(async (tx) => {
      await sharedImageSee(context, tx, id, { rule: 'add_member', verb: 'create' });
      const { length } = await memberSelectAll(tx, id);
      if (length >= memberLimit) {
        throw new Failure(
          'too_large',
          `The limit has been exceeded on the number of allowed image members for this image. Attempted: ${length + 1}, Maximum: ${memberLimit}`,
        );
      }
      await memberInsert(tx, member);
    });
  } catch (error) {
    if (!(error instanceof UniqueViolation)) throw error;
    throw conflict(`Member ${memberId} is duplicated for image ${id}`, { cause: error });
  }
  return member;
}

export async function memberList(context: ImageContext, id: string): Promise<Member[]> {
  return context.world.db.read(async (tx) => {
    const { image } = await sharedImageSee(context, tx, id, { rule: 'get_members', verb: 'list' });
    const members = await memberSelectAll(tx, id);
    return members.filter((member) => memberIsVisible(context, image.owner, member));
  });
}

export async function memberShow(
  context: ImageContext,
  id: string,
  memberId: string,
): Promise<Member> {
  return context.world.db.read(async (tx) => {
    const seen = await imageSee(context, tx, id);
    const isShared = seen.image.visibility === 'shared';
    if (!isShared || !context.allows('get_member', seen.target)) {
      throw notFound(`${memberId} not found in the member list of the image ${id}.`);
    }
    return memberSee(context, tx, seen, memberId);
  });
}

/** Only the member itself accepts or rejects. */
export async function memberUpdate(
  context: ImageContext,
  id: string,
  memberId: string,
  status: Member['status'],
): Promise<Member> {
  const now = context.clock.now();
  return context.world.db.write(async (tx) => {
    const seen = await sharedImageSee(context, tx, id, { rule: 'modify_member', verb: 'update' });
    const member = await memberSee(context, tx, seen, memberId);
    await memberStatusUpdate(tx, member, status, now);
    return { ...member, status, updated_at: now };
  });
}

export async function memberDelete(
  context: ImageContext,
  id: string,
  memberId: string,
): Promise<void> {
  await context.world.db.write(async (tx) => {
    const seen = await sharedImageSee(context, tx, id, { rule: 'delete_member', verb: 'delete' });
    await memberRemove(tx, await memberSee(context, tx, seen, memberId));
  });
}
