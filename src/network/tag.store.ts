import { badRequest } from './network.errors.ts';
import type { Work } from './network.world.ts';

const tagsMax = 50;
const lengthMax = 255;

function tagCheck(tag: string): string {
  if (tag.length === 0 || tag.length > lengthMax) {
    throw badRequest(
      `Invalid input for tag. Reason: '${tag.slice(0, 80)}' exceeds maximum length of ${lengthMax} or is empty.`,
    );
  }
  if (tag.includes(',')) throw badRequest(`Invalid input for tag. Reason: '${tag}' has a comma.`);
  return tag;
}

export async function tagsReplace(
  { tx }: Work,
  resourceId: string,
  tags: readonly string[],
): Promise<void> {
  const distinct = [...new Set(tags.map(tagCheck))];
  if (distinct.length > tagsMax)
    throw badRequest(`The number of tags exceed the limit of ${tagsMax}.`);
  await tx.deleteFrom('network_tag').where('resource_id', '=', resourceId).execute();
  if (distinct.length === 0) return;
  const rows = distinct.map((tag) => ({ resource_id: resourceId, tag }));
  await tx.insertInto('network_tag').values(rows).execute();
}
