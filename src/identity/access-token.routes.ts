import { endpointsOf, type Endpoint } from '../kernel/http/endpoint.ts';
import { SignedBody } from './access-token.schema.ts';
import { signedTokenIssue } from './access-token.ts';
import type { IdentityWorld } from './identity.world.ts';
import { tokenJson } from './token-state.ts';
import { TokenReply } from './token.schema.ts';

const endpoint = endpointsOf<IdentityWorld>();

const json = { 'Content-Type': 'application/json' };

/** For fronts outside this cloud; those inside ask the port. */
export const accessTokenRoutes: readonly Endpoint<IdentityWorld>[] = [
  endpoint(
    {
      id: 'ec2tokens.create',
      method: 'POST',
      path: '/v3/ec2tokens',
      rule: 'identity:ec2tokens_validate',
      body: SignedBody,
      reply: { 200: TokenReply },
      summary: 'Log in by the signature of an EC2 request',
      auditType: 'service/security/account/user',
    },
    async (context, { body }) => {
      const { text, state } = await signedTokenIssue(context, 'ec2', body);
      const bytes = await tokenJson(context.world, state, true);
      return { status: 200, headers: { ...json, 'X-Subject-Token': text }, bytes };
    },
  ),
  endpoint(
    {
      id: 's3tokens.create',
      method: 'POST',
      path: '/v3/s3tokens',
      rule: 'identity:s3tokens_validate',
      body: SignedBody,
      reply: { 200: TokenReply },
      summary: 'Show whose the signature of an S3 request is',
      auditType: 'service/security/account/user',
    },
    async (context, { body }) => {
      // No token is given out: a signed URL is meant for one object and many eyes.
      const { state } = await signedTokenIssue(context, 's3', body);
      return { status: 200, headers: json, bytes: await tokenJson(context.world, state, true) };
    },
  ),
];
