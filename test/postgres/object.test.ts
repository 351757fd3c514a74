import { after } from 'node:test';
import { postgresOpen } from '../../src/engines/postgres/engine.ts';
import { objectDatabaseSuite } from '../object/database-suite.ts';
import { storeOpen } from '../object/world.ts';
import { postgresStart } from '../support/postgres.ts';

const postgres = await postgresStart();
after(() => postgres[Symbol.asyncDispose]());
let next = 0;
const engineOpen = () => postgresOpen(postgres.url, `object${++next}`);
objectDatabaseSuite('PostgreSQL', (options) => storeOpen({ ...options, engineOpen }));
