import { endpointsOf, type Endpoint } from '../kernel/http/endpoint.ts';
import { Type } from '../kernel/type.ts';
import type { Protocol } from './federation.model.ts';
import {
  protocolCreate,
  protocolDelete,
  protocolGet,
  protocolList,
  protocolUpdate,
} from './federation-protocol.ts';
import { ProtocolCreateBody, ProtocolReply, ProtocolUpdateBody } from './federation.schema.ts';
import type { IdentityContext, IdentityWorld } from './identity.world.ts';
import { providerPath } from './identity-provider.routes.ts';
import { wholePage } from './listing.ts';
import { linkTo, listReply, noContent } from './reply.ts';
import { ListReply } from './schema.ts';

const endpoint = endpointsOf<IdentityWorld>();

const One = Type.Object({ protocol: ProtocolReply });
const listPath = '/v3/OS-FEDERATION/identity_providers/:idpId/protocols';
const onePath = `${listPath}/:protocolId`;

const view = (context: IdentityContext, { idpId, id, mappingId, remoteIdAttribute }: Protocol) => ({
  id,
  mapping_id: mappingId,
  ...(remoteIdAttribute !== null && { remote_id_attribute: remoteIdAttribute }),
  links: {
    self: linkTo(context, `${providerPath(idpId)}/protocols/${encodeURIComponent(id)}`),
    identity_provider: linkTo(context, providerPath(idpId)),
  },
});

export const protocolRoutes: readonly Endpoint<IdentityWorld>[] = [
  endpoint(
    {
      id: 'protocols.list',
      method: 'GET',
      path: listPath,
      rule: 'identity:list_protocols',
      reply: { 200: ListReply('protocols', ProtocolReply) },
      summary: 'List the protocols of an identity provider',
    },
    async (context, { params: { idpId = '' }, query }) =>
      listReply(context, {
        key: 'protocols',
        path: `${providerPath(idpId)}/protocols`,
        query,
        page: wholePage(await protocolList(context, idpId)),
        view: (protocol) => view(context, protocol),
      }),
  ),
  endpoint(
    {
      id: 'protocols.create',
      method: 'PUT',
      path: onePath,
      rule: 'identity:create_protocol',
      body: ProtocolCreateBody,
      reply: { 201: One },
      summary: 'Let people come from an identity provider by a protocol',
    },
    async (context, { params: { idpId = '', protocolId: id = '' }, body: { protocol } }) => {
      const made = await protocolCreate(context, { idpId, id }, protocol);
      return { status: 201, body: { protocol: view(context, made) } };
    },
  ),
  endpoint(
    {
      id: 'protocols.get',
      method: 'GET',
      path: onePath,
      rule: 'identity:get_protocol',
      reply: { 200: One },
      summary: 'Show a protocol of an identity provider',
    },
    async (context, { params: { idpId = '', protocolId: id = '' } }) => {
      const found = await protocolGet(context, { idpId, id });
      return { status: 200, body: { protocol: view(context, found) } };
    },
  ),
  endpoint(
    {
      id: 'protocols.update',
      method: 'PATCH',
      path: onePath,
      rule: 'identity:update_protocol',
      body: ProtocolUpdateBody,
      reply: { 200: One },
      summary: 'Change a protocol of an identity provider',
    },
    async (context, { params: { idpId = '', protocolId: id = '' }, body: { protocol } }) => {
      const changed = await protocolUpdate(context, { idpId, id }, protocol);
      return { status: 200, body: { protocol: view(context, changed) } };
    },
  ),
  endpoint(
    {
      id: 'protocols.delete',
      method: 'DELETE',
      path: onePath,
      rule: 'identity:delete_protocol',
      reply: { 204: null },
      summary: 'Delete a protocol of an identity provider',
    },
    async (context, { params: { idpId = '', protocolId: id = '' } }) => {
      await protocolDelete(context, { idpId, id });
      return noContent;
    },
  ),
];
