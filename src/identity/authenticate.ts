import type { IncomingMessage } from 'node:http';
import type { Authenticate } from '../kernel/http/api.ts';
import type { Actor } from '../kernel/policy.ts';
import type { IdentityWorld } from './identity.world.ts';
import { tokenResolve } from './token-state.ts';

/** For the HTTP server: the tokens of a request made into who acts. */
export const identityAuthenticate =
  (world: IdentityWorld): Authenticate =>
  async (request) => {
    const text = headerOf(request, 'x-auth-token');
    if (text === null) return null;
    const state = await tokenResolve(world, text);
    if (state === null) return null;
    const serviceText = headerOf(request, 'x-service-token');
    if (serviceText === null) return state.actor;
    const service = await tokenResolve(world, serviceText);
    // A bad service token spoils the request: the caller claims what it cannot prove.
    return service === null ? null : withService(state.actor, service.actor);
  };

const withService = (actor: Actor, { roles }: Actor): Actor => ({ ...actor, serviceRoles: roles });

function headerOf({ headers }: IncomingMessage, name: string): string | null {
  const value = headers[name];
  return typeof value === 'string' && value !== '' ? value : null;
}
