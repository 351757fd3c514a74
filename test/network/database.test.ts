import { networkDatabaseSuite } from './database-suite.ts';
import { networkServe } from './network-serve.ts';

networkDatabaseSuite('SQLite', networkServe);
