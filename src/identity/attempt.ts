import type { Failure } from '../kernel/errors.ts';
import type { Actor } from '../kernel/policy.ts';
import type { Identified } from './auth-method.ts';
import { statusOf } from './failure.ts';
import type { IdentityContext } from './identity.world.ts';

/** CADF: who tried, how it ended, and why; the reason never reaches the client. */
export function attemptRecord(
  context: IdentityContext,
  who: Identified | null,
  failure: Failure | null,
): void {
  const { why, userId: named } = failure?.detail ?? {};
  const reason = typeof why === 'string' ? why : (failure?.message ?? '');
  const userId = who?.user.id ?? (typeof named === 'string' ? named : 'unknown');
  context.audit({
    action: 'authenticate',
    outcome: failure === null ? 'success' : 'failure',
    target: { id: userId, typeURI: 'service/security/account/user' },
    ...(failure !== null && {
      reason: { code: statusOf(failure), type: reason },
    }),
    actor: who === null ? null : attemptActor(who),
  });
}

const attemptActor = ({ user }: Identified): Actor => ({
  userId: user.id,
  userName: user.name,
  userDomainId: user.domainId,
  roles: [],
  scope: { kind: 'unscoped' },
  serviceRoles: [],
  auditId: '',
});
