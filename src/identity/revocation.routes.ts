import { isoMicroseconds } from '../kernel/clock.ts';
import { endpointsOf, type Endpoint } from '../kernel/http/endpoint.ts';
import { Type } from '../kernel/type.ts';
import type { IdentityWorld } from './identity.world.ts';
import { selfLink } from './reply.ts';
import type { Revocation } from './revocation.model.ts';
import { revocationListSince } from './revocation.store.ts';
import { SelfLink } from './schema.ts';
import { timeParse } from './time-text.ts';

const endpoint = endpointsOf<IdentityWorld>();

const attributes: Readonly<Record<Revocation['kind'], string>> = {
  token: 'audit_id',
  chain: 'audit_chain_id',
  user: 'user_id',
  project: 'project_id',
  domain: 'domain_id',
};

const Event = Type.Object(
  { issued_before: Type.String(), revoked_at: Type.String() },
  { additionalProperties: true },
);

export const revocationRoutes: readonly Endpoint<IdentityWorld>[] = [
  endpoint(
    {
      id: 'revocations.list',
      method: 'GET',
      path: '/v3/OS-REVOKE/events',
      rule: 'identity:list_revoke_events',
      query: ['since'],
      reply: { 200: Type.Object({ events: Type.Array(Event), links: SelfLink }) },
      summary: 'Which tokens were revoked',
    },
    async (context, { query }) => {
      context.authorize('identity:list_revoke_events');
      const since = query.get('since');
      const sinceMs = since === null ? 0 : timeParse(since) / 1000;
      const all = { generation: 0, nowMs: context.clock.now() };
      const events = await context.world.db.read((tx) => revocationListSince(tx, all));
      return {
        status: 200,
        body: {
          events: events
            .filter(({ revokedAtMs }) => revokedAtMs >= sinceMs)
            .map(({ kind, subject, issuedBeforeMs, revokedAtMs }) => ({
              [attributes[kind]]: subject,
              issued_before: isoMicroseconds(issuedBeforeMs),
              revoked_at: isoMicroseconds(revokedAtMs),
            })),
          links: selfLink(context, '/OS-REVOKE/events'),
        },
      };
    },
  ),
];
