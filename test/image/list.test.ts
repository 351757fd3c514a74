import { imageDatabaseSuite } from './database-suite.ts';
import { imageServe } from './world.ts';

imageDatabaseSuite('SQLite', () => imageServe());
