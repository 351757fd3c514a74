import { after } from 'node:test';
import { postgresOpen } from '../../src/engines/postgres/engine.ts';
import { engineSuite } from '../support/engine-suite.ts';
import { postgresStart } from '../support/postgres.ts';

const postgres = await postgresStart();
after(() => postgres[Symbol.asyncDispose]());
let next = 0;
engineSuite('PostgreSQL', async () => postgresOpen(postgres.url, `t${++next}`));
