import { isoNaive } from '../kernel/clock.ts';
import type { IdentityContext } from './identity.world.ts';
import { selfLink } from './reply.ts';
import type { UserAccount } from './user.model.ts';

export const userView = (context: IdentityContext, user: UserAccount) => ({
  ...user.extra,
  id: user.id,
  name: user.name,
  domain_id: user.domainId,
  enabled: user.isEnabled,
  ...(user.defaultProjectId !== null && { default_project_id: user.defaultProjectId }),
  // Keystone leaves the Z off here, and only here.
  password_expires_at:
    user.passwordExpiresAtMs === null ? null : isoNaive(user.passwordExpiresAtMs),
  options: user.options,
  links: selfLink(context, `/users/${user.id}`),
});
