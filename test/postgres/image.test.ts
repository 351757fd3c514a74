import { after } from 'node:test';
import { postgresOpen } from '../../src/engines/postgres/engine.ts';
import { imageDatabaseSuite } from '../image/database-suite.ts';
import { imageServe } from '../image/world.ts';
import { postgresStart } from '../support/postgres.ts';

const postgres = await postgresStart();
after(() => postgres[Symbol.asyncDispose]());
let next = 0;
imageDatabaseSuite('PostgreSQL', () =>
  imageServe({}, () => postgresOpen(postgres.url, `image${++next}`)),
);
