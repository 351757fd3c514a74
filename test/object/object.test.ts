import { objectDatabaseSuite } from './database-suite.ts';
import { storeOpen } from './world.ts';

objectDatabaseSuite('SQLite', storeOpen);
