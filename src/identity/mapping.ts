import { missing } from './failure.ts';
import type { Mapping } from './federation.model.ts';
import {
  federationRemove,
  mappingGet as mappingRead,
  mappingInsert,
  mappingList as mappingListRead,
  mappingUpdate as mappingUpdateRow,
} from './federation.store.ts';
import { directoryWrite } from './generation.ts';
import type { Tx } from './identity.tables.ts';
import type { IdentityContext } from './identity.world.ts';
import { chosenIdCheck } from './identity-provider.ts';
import { patternsCheck } from './mapping-rules.ts';
import type { MappingWanted } from './mapping.schema.ts';

export async function mappingCreate(
  context: IdentityContext,
  id: string,
  { rules }: MappingWanted,
): Promise<Mapping> {
  context.authorize('identity:create_mapping');
  chosenIdCheck(id);
  patternsCheck(rules);
  await directoryWrite(context.world, (tx) => mappingInsert(tx, { id, rules }));
  return { id, rules };
}

export async function mappingGet(context: IdentityContext, id: string): Promise<Mapping> {
  context.authorize('identity:get_mapping');
  return await context.world.db.read((tx) => mappingNeed(tx, id));
}

export async function mappingNeed(tx: Tx, id: string): Promise<Mapping> {
  const found = await mappingRead(tx, id);
  if (found === null) throw missing('mapping', id);
  return found;
}

export async function mappingList(context: IdentityContext): Promise<Mapping[]> {
  context.authorize('identity:list_mappings');
  return await context.world.db.read((tx) => mappingListRead(tx));
}

/** Only the next log-in reads it: who is logged in keeps what was said then. */
export async function mappingUpdate(
  context: IdentityContext,
  id: string,
  { rules }: MappingWanted,
): Promise<Mapping> {
  context.authorize('identity:update_mapping');
  patternsCheck(rules);
  await context.world.db.write(async (tx) => {
    await mappingNeed(tx, id);
    await mappingUpdateRow(tx, { id, rules });
  });
  return { id, rules };
}

/** Tokens of those who came by it end. */
export async function mappingDelete(context: IdentityContext, id: string): Promise<void> {
  context.authorize('identity:delete_mapping');
  await directoryWrite(context.world, async (tx) => {
    if (!(await federationRemove(tx, 'identity_mapping', id))) throw missing('mapping', id);
  });
}
