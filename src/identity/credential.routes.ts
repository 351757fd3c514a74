import { endpointsOf, type Endpoint } from '../kernel/http/endpoint.ts';
import { Type } from '../kernel/type.ts';
import type { Credential } from './credential.model.ts';
import {
  CredentialCreateBody,
  CredentialReply,
  CredentialUpdateBody,
  Ec2CreateBody,
  Ec2Reply,
} from './credential.schema.ts';
import {
  credentialCreate,
  credentialDelete,
  credentialGet,
  credentialList,
  credentialUpdate,
  ec2BlobOf,
} from './credential.ts';
import { primaryLogInCheck } from './delegation.ts';
import { ec2Create, ec2Delete, ec2Get, ec2List } from './ec2-credential.ts';
import type { IdentityContext, IdentityWorld } from './identity.world.ts';
import { wholePage } from './listing.ts';
import { listReply, noContent, selfLink } from './reply.ts';
import { ListReply } from './schema.ts';

const endpoint = endpointsOf<IdentityWorld>();

const One = Type.Object({ credential: CredentialReply });

const credentialView = (context: IdentityContext, credential: Credential) => ({
  ...credential.extra,
  id: credential.id,
  user_id: credential.userId,
  project_id: credential.projectId,
  type: credential.type,
  blob: credential.blob,
  links: selfLink(context, `/credentials/${credential.id}`),
});

export const credentialRoutes: readonly Endpoint<IdentityWorld>[] = [
  endpoint(
    {
      id: 'credentials.list',
      method: 'GET',
      path: '/v3/credentials',
      rule: 'identity:list_credentials',
      query: ['user_id', 'type', 'limit', 'marker'],
      reply: { 200: ListReply('credentials', CredentialReply) },
      summary: 'List credentials',
    },
    async (context, { query, headers }) => {
      await primaryLogInCheck(context, headers);
      return listReply(context, {
        key: 'credentials',
        path: '/credentials',
        query,
        page: await credentialList(context, query),
        view: (credential) => credentialView(context, credential),
      });
    },
  ),
  endpoint(
    {
      id: 'credentials.create',
      method: 'POST',
      path: '/v3/credentials',
      rule: 'identity:create_credential',
      body: CredentialCreateBody,
      reply: { 201: One },
      summary: 'Create a credential',
    },
    async (context, { body: { credential }, headers }) => {
      await primaryLogInCheck(context, headers);
      const made = await credentialCreate(context, credential);
      return { status: 201, body: { credential: credentialView(context, made) } };
    },
  ),
  endpoint(
    {
      id: 'credentials.get',
      method: 'GET',
      path: '/v3/credentials/:credentialId',
      rule: 'identity:get_credential',
      reply: { 200: One },
      summary: 'Show a credential',
    },
    async (context, { params: { credentialId = '' }, headers }) => {
      await primaryLogInCheck(context, headers);
      const found = await credentialGet(context, credentialId);
      return { status: 200, body: { credential: credentialView(context, found) } };
    },
  ),
  endpoint(
    {
      id: 'credentials.update',
      method: 'PATCH',
      path: '/v3/credentials/:credentialId',
      rule: 'identity:update_credential',
      body: CredentialUpdateBody,
      reply: { 200: One },
      summary: 'Change the secret of a credential',
    },
    async (context, { params: { credentialId = '' }, body: { credential }, headers }) => {
      await primaryLogInCheck(context, headers);
      const changed = await credentialUpdate(context, credentialId, credential.blob);
      return { status: 200, body: { credential: credentialView(context, changed) } };
    },
  ),
  endpoint(
    {
      id: 'credentials.delete',
      method: 'DELETE',
      path: '/v3/credentials/:credentialId',
      rule: 'identity:delete_credential',
      reply: { 204: null },
      summary: 'Delete a credential',
    },
    async (context, { params: { credentialId = '' }, headers }) => {
      await primaryLogInCheck(context, headers);
      await credentialDelete(context, credentialId);
      return noContent;
    },
  ),
];

const ec2Path = '/v3/users/:userId/credentials/OS-EC2';
const Ec2One = Type.Object({ credential: Ec2Reply });

function ec2View(context: IdentityContext, credential: Credential) {
  const { access, secret, trust_id } = ec2BlobOf(credential);
  const { userId } = credential;
  return {
    user_id: userId,
    tenant_id: credential.projectId,
    access,
    secret,
    trust_id,
    links: selfLink(context, `/users/${userId}/credentials/OS-EC2/${access}`),
  };
}

export const ec2CredentialRoutes: readonly Endpoint<IdentityWorld>[] = [
  endpoint(
    {
      id: 'ec2Credentials.list',
      method: 'GET',
      path: ec2Path,
      rule: 'identity:ec2_list_credentials',
      reply: { 200: ListReply('credentials', Ec2Reply) },
      summary: 'List the EC2 keys of a user',
    },
    async (context, { params: { userId = '' }, query, headers }) => {
      await primaryLogInCheck(context, headers);
      return listReply(context, {
        key: 'credentials',
        path: `/users/${userId}/credentials/OS-EC2`,
        query,
        page: wholePage(await ec2List(context, userId)),
        view: (credential) => ec2View(context, credential),
      });
    },
  ),
  endpoint(
    {
      id: 'ec2Credentials.create',
      method: 'POST',
      path: ec2Path,
      rule: 'identity:ec2_create_credential',
      body: Ec2CreateBody,
      reply: { 201: Ec2One },
      summary: 'Make an EC2 key for a project',
    },
    async (context, { params: { userId = '' }, body, headers }) => {
      await primaryLogInCheck(context, headers);
      const made = await ec2Create(context, userId, body.tenant_id);
      return { status: 201, body: { credential: ec2View(context, made) } };
    },
  ),
  endpoint(
    {
      id: 'ec2Credentials.get',
      method: 'GET',
      path: `${ec2Path}/:credentialId`,
      rule: 'identity:ec2_get_credential',
      reply: { 200: Ec2One },
      summary: 'Show an EC2 key',
    },
    async (context, { params: { userId = '', credentialId: access = '' }, headers }) => {
      await primaryLogInCheck(context, headers);
      const found = await ec2Get(context, { userId, access });
      return { status: 200, body: { credential: ec2View(context, found) } };
    },
  ),
  endpoint(
    {
      id: 'ec2Credentials.delete',
      method: 'DELETE',
      path: `${ec2Path}/:credentialId`,
      rule: 'identity:ec2_delete_credential',
      reply: { 204: null },
      summary: 'Delete an EC2 key',
    },
    async (context, { params: { userId = '', credentialId: access = '' }, headers }) => {
      await primaryLogInCheck(context, headers);
      await ec2Delete(context, { userId, access });
      return noContent;
    },
  ),
];
