import type { Engine } from '../kernel/db.ts';
import type { Authenticate } from '../kernel/http/api.ts';
import { identityAuthenticate } from './authenticate.ts';
import { directoryRefresh } from './generation.ts';
import { generationTable, identityWorldOpen, type IdentityParts } from './identity.world.ts';
import { identityPort, type IdentityPort } from './port.ts';

export interface IdentityVerifier {
  readonly port: IdentityPort;
  /** For the HTTP server of that service. */
  readonly authenticate: Authenticate;
}

/** Identity as another program asks it (a worker of the object store): the same database and keys, nothing is changed. */
export async function identityVerifierOpen(
  parts: Omit<IdentityParts, 'db' | 'watch'> & { readonly engine: Engine },
  serviceType: string,
): Promise<IdentityVerifier> {
  const { engine, ...rest } = parts;
  const watch = await engine.watch(generationTable);
  const world = identityWorldOpen({ ...rest, db: engine.db(), watch });
  await directoryRefresh(world);
  return { port: identityPort(world), authenticate: identityAuthenticate(world, serviceType) };
}
