import type { KeystoneRow, KeystoneSource } from '../../identity/keystone-source.ts';

/** The form that Keystone's own configuration has: `mysql+pymysql://USER:PASSWORD@HOST/keystone?charset=utf8`. */
export async function keystoneSourceOpen(address: string): Promise<KeystoneSource> {
  const url = new URL(address.replace(/^(\w+)\+\w+:/, '$1:'));
  switch (url.protocol) {
    case 'mysql:':
    case 'mariadb:':
      return await mysqlOpen(url);
    case 'postgresql:':
    case 'postgres:':
      return await postgresOpen(url);
    default:
      throw new Error(`a Keystone database is mysql:// or postgresql://, not ${url.protocol}//`);
  }
}

async function mysqlOpen(url: URL): Promise<KeystoneSource> {
  const { createConnection } = await import('mysql2/promise');
  const socketPath = url.searchParams.get('unix_socket');
  const connection = await createConnection({
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database: url.pathname.slice(1),
    ...(socketPath === null
      ? { host: url.hostname, port: Number(url.port || 3306) }
      : { socketPath }),
    dateStrings: true,
    ...(url.searchParams.has('ssl_ca') && { ssl: { ca: url.searchParams.get('ssl_ca') ?? '' } }),
  });
  await connection.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ');
  await connection.query('START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY');
  const [found] = await connection.query('SHOW TABLES');
  const tables = new Set((found as KeystoneRow[]).flatMap((row) => Object.values(row)));
  return {
    async rows(table) {
      if (!tables.has(table)) return [];
      const [rows] = await connection.query(`SELECT * FROM \`${table}\``);
      return rows as KeystoneRow[];
    },
    close: () => connection.end(),
  };
}

async function postgresOpen(url: URL): Promise<KeystoneSource> {
  const { default: pg } = await import('pg');
  const client = new pg.Client({ connectionString: url.href.replace(/^postgresql:/, 'postgres:') });
  await client.connect();
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  const found = await client.query<{ tablename: string }>(
    'SELECT tablename FROM pg_tables WHERE schemaname = current_schema()',
  );
  const tables = new Set(found.rows.map(({ tablename }) => tablename));
  return {
    async rows(table) {
      if (!tables.has(table)) return [];
      const { rows } = await client.query<Record<string, unknown>>(`SELECT * FROM "${table}"`);
      return rows;
    },
    close: () => client.end(),
  };
}
