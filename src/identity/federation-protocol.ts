import { invalid, notFound } from '../kernel/errors.ts';
import type { Protocol } from './federation.model.ts';
import type { ProtocolCreateWanted, ProtocolUpdateWanted } from './federation.schema.ts';
import {
  mappingGet,
  protocolGet as protocolRead,
  protocolInsert,
  protocolList as protocolListRead,
  protocolRemove,
  protocolUpdate as protocolUpdateRow,
} from './federation.store.ts';
import { directoryWrite } from './generation.ts';
import type { Tx } from './identity.tables.ts';
import type { IdentityContext } from './identity.world.ts';
import { chosenIdCheck, providerNeed } from './identity-provider.ts';

/** A protocol has its id within its provider. */
export type ProtocolNamed = Pick<Protocol, 'idpId' | 'id'>;

export async function protocolCreate(
  context: IdentityContext,
  { idpId, id }: ProtocolNamed,
  wanted: ProtocolCreateWanted,
): Promise<Protocol> {
  context.authorize('identity:create_protocol');
  chosenIdCheck(id);
  const protocol: Protocol = {
    idpId,
    id,
    mappingId: wanted.mapping_id,
    remoteIdAttribute: wanted.remote_id_attribute ?? null,
  };
  await directoryWrite(context.world, async (tx) => {
    await mappingCheck(tx, protocol.mappingId);
    await providerNeed(tx, idpId);
    await protocolInsert(tx, protocol);
  });
  return protocol;
}

async function mappingCheck(tx: Tx, id: string): Promise<void> {
  if ((await mappingGet(tx, id)) === null) throw invalid(`Invalid mapping id: ${id}`);
}

export async function protocolNeed(tx: Tx, named: ProtocolNamed): Promise<Protocol> {
  const found = await protocolRead(tx, named);
  if (found !== null) return found;
  throw notFound(
    `Could not find federated protocol ${named.id} for Identity Provider: ${named.idpId}.`,
  );
}

export async function protocolGet(
  context: IdentityContext,
  named: ProtocolNamed,
): Promise<Protocol> {
  context.authorize('identity:get_protocol');
  return await context.world.db.read((tx) => protocolNeed(tx, named));
}

export async function protocolList(context: IdentityContext, idpId: string): Promise<Protocol[]> {
  context.authorize('identity:list_protocols');
  return await context.world.db.read((tx) => protocolListRead(tx, idpId));
}

export async function protocolUpdate(
  context: IdentityContext,
  named: ProtocolNamed,
  wanted: ProtocolUpdateWanted,
): Promise<Protocol> {
  context.authorize('identity:update_protocol');
  return await directoryWrite(context.world, async (tx) => {
    const held = await protocolNeed(tx, named);
    const next: Protocol = {
      ...held,
      mappingId: wanted.mapping_id ?? held.mappingId,
      remoteIdAttribute: wanted.remote_id_attribute ?? held.remoteIdAttribute,
    };
    await mappingCheck(tx, next.mappingId);
    await protocolUpdateRow(tx, next);
    return next;
  });
}

/** Tokens of those who came by it end. */
export async function protocolDelete(
  context: IdentityContext,
  named: ProtocolNamed,
): Promise<void> {
  context.authorize('identity:delete_protocol');
  await directoryWrite(context.world, async (tx) => {
    await protocolNeed(tx, named);
    await protocolRemove(tx, named);
  });
}
