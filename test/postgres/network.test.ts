import { after } from 'node:test';
import { postgresOpen } from '../../src/engines/postgres/engine.ts';
import { networkDatabaseSuite } from '../network/database-suite.ts';
import { networkServe } from '../network/network-serve.ts';
import { postgresStart } from '../support/postgres.ts';

const postgres = await postgresStart();
after(() => postgres[Symbol.asyncDispose]());
let next = 0;
networkDatabaseSuite('PostgreSQL', (settings) =>
  networkServe(settings, 1, postgresOpen(postgres.url, `network${++next}`)),
);
