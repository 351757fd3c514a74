import type { CompiledQuery, Compilable } from 'kysely';
import type { Tx } from './db.ts';

/** Stands for an argument while a statement is built. */
class Slot {
  readonly index: number;

  constructor(index: number) {
    this.index = index;
  }
}

/**
 * The adapter of an engine that answers at once on its one connection. What leads to a connection otherwise, a lock and
 * a dozen promises, takes longer than a point read does.
 */
export interface DirectRows {
  readonly directRows: (sql: string, values: readonly unknown[]) => unknown[];
}

const isDirect = (adapter: object): adapter is DirectRows => 'directRows' in adapter;

interface Prepared {
  readonly query: CompiledQuery;
  /** A slot for each argument, and values that are always the same. */
  readonly parameters: readonly unknown[];
}

/**
 * A statement that is run for each request: built once for each connection, as building costs several times what running
 * does. `build` only hands its arguments to the statement; it must not look at them.
 */
export function hotStatement<Tables, Args extends readonly unknown[], Row>(
  build: (tx: Tx<Tables>, ...args: Args) => Compilable<Row>,
): (tx: Tx<Tables>, ...args: Args) => Promise<Row[]> {
  const known = new WeakMap<object, Prepared>();
  const prepare = (tx: Tx<Tables>): Prepared => {
    const slots = Array.from({ length: build.length - 1 }, (_, index) => new Slot(index));
    const query = build(tx, ...(slots as unknown as Args)).compile();
    return { query, parameters: query.parameters };
  };
  return async (tx, ...args) => {
    const { adapter } = tx.getExecutor();
    let prepared = known.get(adapter);
    if (prepared === undefined) known.set(adapter, (prepared = prepare(tx)));
    const { query, parameters } = prepared;
    const values = parameters.map((one) => (one instanceof Slot ? args[one.index] : one));
    if (isDirect(adapter)) return adapter.directRows(query.sql, values) as Row[];
    const { rows } = await tx.executeQuery<Row>({
      ...query,
      parameters: values,
    } as CompiledQuery<Row>);
    return rows;
  };
}
