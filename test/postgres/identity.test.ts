/** The identity suite once more, each of its clouds in a schema of a real PostgreSQL. */
import { after } from 'node:test';
import { postgresOpen } from '../../src/engines/postgres/engine.ts';
import { engines } from '../identity/support.ts';
import { postgresStart } from '../support/postgres.ts';

const postgres = await postgresStart();
after(() => postgres[Symbol.asyncDispose]());
let next = 0;
engines.open = () => postgresOpen(postgres.url, `identity${++next}`);
engines.reopen = () => postgresOpen(postgres.url, `identity${next}`);

await import('../identity/auth.test.ts');
await import('../identity/delegation.test.ts');
await import('../identity/directory.test.ts');
await import('../identity/federation-api.test.ts');
await import('../identity/federation-mapped.test.ts');
await import('../identity/federation.test.ts');
await import('../identity/fuzz.test.ts');
await import('../identity/processes.test.ts');
await import('../identity/token.test.ts');
await import('../identity/websso.test.ts');
