/** A row of a Keystone database (schema of Zed), as its driver has it. */
export type KeystoneRow = Readonly<Record<string, unknown>>;

/** One consistent view of a Keystone database; nothing is written to it. */
export interface KeystoneSource {
  /** Every row of a table; none where the table is not there. */
  rows(table: string): Promise<readonly KeystoneRow[]>;
  close(): Promise<void>;
}

export const textIn = (row: KeystoneRow, column: string): string => textOrNull(row, column) ?? '';

export function textOrNull(row: KeystoneRow, column: string): string | null {
  const value = row[column];
  if (value === null || value === undefined) return null;
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** Drivers give booleans as such or as 0 and 1. */
export const isTrue = (row: KeystoneRow, column: string): boolean =>
  row[column] === true || row[column] === 1 || row[column] === '1';

/** PostgreSQL's driver gives large numbers as text. */
export function numberOrNull(row: KeystoneRow, column: string): number | null {
  const value = row[column];
  if (value === null || value === undefined) return null;
  return Number(value);
}

/** JSON in a text column; nothing there is an empty object. */
export function jsonIn(row: KeystoneRow, column: string): Record<string, unknown> {
  const text = textOrNull(row, column) ?? '';
  if (text === '') return {};
  const value: unknown = JSON.parse(text);
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

export const msOf = (row: KeystoneRow, column: string): number | null => {
  const value = row[column];
  if (value instanceof Date) return value.getTime();
  const ms = typeof value === 'string' ? Date.parse(`${value.replace(' ', 'T')}Z`) : Number.NaN;
  return Number.isNaN(ms) ? null : ms;
};
