import { endpointsOf, type Endpoint } from '../kernel/http/endpoint.ts';
import { invalid } from '../kernel/errors.ts';
import {
  memberCreate,
  memberDelete,
  memberList,
  memberShow,
  memberUpdate,
} from './image-member.ts';
import {
  MemberCreateBody,
  MemberListReply,
  MemberReply,
  MemberUpdateBody,
} from './image.schema.ts';
import { memberView } from './image.view.ts';
import type { ImageWorld } from './image.world.ts';

const endpoint = endpointsOf<ImageWorld>();
const auditType = 'image/member';
const path = '/v2/images/:imageId/members';

export const imageMemberRoutes: readonly Endpoint<ImageWorld>[] = [
  endpoint(
    {
      id: 'members.create',
      method: 'POST',
      path,
      rule: 'add_member',
      body: MemberCreateBody,
      reply: { 200: MemberReply },
      auditType,
    },
    async (context, { params: { imageId = '' }, body }) => {
      // oxlint-disable-next-line typescript/no-unnecessary-condition -- an empty body is not held against the schema
      if (body === undefined) throw invalid('Member to be added not specified');
      return { status: 200, body: memberView(await memberCreate(context, imageId, body.member)) };
    },
  ),
  endpoint(
    {
      id: 'members.list',
      method: 'GET',
      path,
      rule: 'get_members',
      reply: { 200: MemberListReply },
    },
    async (context, { params: { imageId = '' } }) => {
      const members = await memberList(context, imageId);
      return {
        status: 200,
        body: { members: members.map(memberView), schema: '/v2/schemas/members' },
      };
    },
  ),
  endpoint(
    {
      id: 'members.show',
      method: 'GET',
      path: `${path}/:memberId`,
      rule: 'get_member',
      reply: { 200: MemberReply },
    },
    async (context, { params: { imageId = '', memberId = '' } }) => ({
      status: 200,
      body: memberView(await memberShow(context, imageId, memberId)),
    }),
  ),
  endpoint(
    {
      id: 'members.update',
      method: 'PUT',
      path: `${path}/:memberId`,
      rule: 'modify_member',
      body: MemberUpdateBody,
      reply: { 200: MemberReply },
      auditType,
    },
    async (context, { params: { imageId = '', memberId = '' }, body }) => {
      // oxlint-disable-next-line typescript/no-unnecessary-condition -- an empty body is not held against the schema
      if (body === undefined) throw invalid('Status not specified');
      const member = await memberUpdate(context, imageId, memberId, body.status);
      return { status: 200, body: memberView(member) };
    },
  ),
  endpoint(
    {
      id: 'members.delete',
      method: 'DELETE',
      path: `${path}/:memberId`,
      rule: 'delete_member',
      reply: { 204: null },
      auditType,
    },
    async (context, { params: { imageId = '', memberId = '' } }) => {
      await memberDelete(context, imageId, memberId);
      return { status: 204 };
    },
  ),
];
