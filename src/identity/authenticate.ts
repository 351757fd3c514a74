import type { IncomingMessage } from 'node:http';
import type { Authenticate } from '../kernel/http/api.ts';
import type { Actor } from '../kernel/policy.ts';
import { isRuleMet } from './application-credential.model.ts';
import type { IdentityWorld } from './identity.world.ts';
import { actorIn } from './service-role.ts';
import type { TokenState } from './token.model.ts';
import { tokenResolve } from './token-state.ts';

/**
 * For the HTTP server: the tokens of a request made into who acts. A server of one service names it; otherwise the first
 * part of the path tells which service is asked.
 */
export const identityAuthenticate =
  (world: IdentityWorld, serviceType?: string): Authenticate =>
  async (request) => {
    const asked = askedOf(request, serviceType);
    const text = headerOf(request, 'x-auth-token');
    if (text === null) return null;
    const state = await tokenResolve(world, text);
    if (state === null || !isAllowed(state, asked)) return null;
    const actor = actorIn(state, asked.services);
    const serviceText = headerOf(request, 'x-service-token');
    if (serviceText === null) return actor;
    const service = await tokenResolve(world, serviceText);
    // A bad service token spoils the request: the caller claims what it cannot prove.
    return service === null ? null : withService(actor, service.actor);
  };

const withService = (actor: Actor, { roles }: Actor): Actor => ({ ...actor, serviceRoles: roles });

function headerOf({ headers }: IncomingMessage, name: string): string | null {
  const value = headers[name];
  return typeof value === 'string' && value !== '' ? value : null;
}

/** The names by which access rules and roles call the service behind the first part of a path. */
const services: Readonly<Record<string, readonly string[]>> = {
  compute: ['compute'],
  image: ['image'],
  network: ['network'],
  volume: ['block-storage', 'block-store', 'volume', 'volumev3'],
  placement: ['placement'],
  identity: ['identity'],
};

/**
 * An application credential with access rules opens what they name and nothing else; asking about the own token is
 * always allowed, as clients do that before anything.
 */
function isAllowed(
  { accessRules }: TokenState,
  { services: asked, method, path, below }: Asked,
): boolean {
  if (accessRules.length === 0) return true;
  if (asked[0] === 'identity' && below.startsWith('/v3/auth/')) return true;
  return (
    isRuleMet(accessRules, { services: asked, method, path: below }) ||
    isRuleMet(accessRules, { services: asked, method, path })
  );
}

interface Asked {
  readonly services: readonly string[];
  readonly method: string;
  readonly path: string;
  /** The path without the mount of the service. */
  readonly below: string;
}

function askedOf(
  { method = 'GET', url = '/' }: IncomingMessage,
  serviceType: string | undefined,
): Asked {
  const [path = '/'] = url.split('?', 1);
  if (serviceType !== undefined) return { services: [serviceType], method, path, below: path };
  const [, first = ''] = path.split('/', 2);
  const known = services[first];
  if (known === undefined) return { services: ['identity'], method, path, below: path };
  return { services: known, method, path, below: path.slice(first.length + 1) || '/' };
}
